"""The table of architectures, and reading and making their configurations."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from os import PathLike
from typing import TYPE_CHECKING, Any

from hub.errors import IncompatibleModelError, ModelError, TrainingError
from hub.potentials.architecture import Architecture
from hub.potentials.config import FILE_NAME, FORMAT, PotentialConfig, refuse_newer
from registry.documents import (
    WRONG,
    MalformedError,
    check_plain,
    damage,
    fit,
    fit_whole,
    parse_json,
    read_bounded,
)
from registry.errors import PluginError
from registry.paths import user_path
from registry.plugins import plugins, usable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hub.potentials.config import PotentialConfig
    from registry.plugins import Plugin

KIND = "architectures"
DEFAULT_CUTOFF = 4.0  # Å, as in the published checkpoints
_AGAIN = "Pull or train it again."


def known_architectures() -> list[str]:
    """Return the names of the installed architectures."""
    return sorted(plugins(KIND))


def architecture(name: str) -> Architecture:
    """Return the architecture with this name.

    Raises
    ------
    IncompatibleModelError
        If it is unknown, or the package that provides it is broken.
    """
    plugin = plugins(KIND).get(name)
    if plugin is None:
        raise IncompatibleModelError(
            f"unknown architecture {name[:50]!r} (known: {', '.join(known_architectures())})",
            "Update mlip-hub, or install the package that provides it.",
        )
    try:
        return _loaded(plugin)
    except PluginError as problem:
        raise IncompatibleModelError(problem.message, problem.hint) from problem


@cache
def _loaded(plugin: Plugin) -> Architecture:
    found = plugin.load()
    if not (isinstance(found, type) and issubclass(found, Architecture)):
        raise plugin.broken(f"{plugin.target} is not an architecture")
    if getattr(found, "name", "") != plugin.name:
        raise plugin.broken(f"{plugin.target} has a different name")
    made: Architecture = plugin.call(found)
    return made


def architecture_of(config: PotentialConfig) -> Architecture:
    """Return the architecture of a configuration.

    Raises
    ------
    IncompatibleModelError
        Like :func:`architecture`, and if required packages are not installed.
    """
    found = architecture(config.architecture)
    missing = found.missing()
    if missing:
        raise IncompatibleModelError(
            f"models of the architecture {found.name} require {', '.join(missing)}, which is not "
            "installed",
            f"Install it: {found.install}",
        )
    return found


def require_trainable(config: PotentialConfig, name: str) -> None:
    """Refuse to train models that can only predict.

    Raises
    ------
    TrainingError
        If the architecture's models cannot be trained; `name` is that of the model.
    """
    found = architecture(config.architecture)
    if not found.is_trainable:
        raise TrainingError(
            f"{name} cannot be trained: models of the architecture {found.name} can only predict",
            "Use it to label structures and train another model on the labels "
            f"(`hub relabel --teacher model:{name}`), or start from a model that can be trained.",
        )


def model_file_types() -> dict[str, str]:
    """Return ``module:function`` by the ending of files from which models can be imported."""
    found: dict[str, str] = {}
    for each in usable(KIND, _loaded).values():
        found = {**each.file_types, **found}  # ours come first and take precedence
    return found


def model_formats() -> list[str]:
    """Return the export formats of all architectures."""
    return sorted({name for each in usable(KIND, _loaded).values() for name in each.exports})


def default_architecture() -> Architecture:
    """Return the default architecture of new models.

    Raises
    ------
    IncompatibleModelError
        If the entry points are missing from the installation.
    """
    found = next((each for each in usable(KIND, _loaded).values() if each.is_default), None)
    if found is None:
        raise IncompatibleModelError("no architecture is installed", "Reinstall mlip-hub.")
    return found


def read_config(directory: Path) -> PotentialConfig:
    """Read the configuration of a model directory.

    Raises
    ------
    ModelError
        If the file is missing or malformed.
    IncompatibleModelError
        If a newer release of this package wrote it, or its architecture is not installed.
    """
    path = directory / FILE_NAME
    with damage(path, ModelError, _AGAIN):
        try:
            content = parse_json(read_bounded(path))
        except FileNotFoundError:
            raise ModelError(
                f"{directory} does not contain a model: {FILE_NAME} is missing",
                hint="Give a model from `hub list`, or a run folder with a finished training.",
            ) from None
        refuse_newer(content, FORMAT, path)
        try:
            return parse_config(content)
        except IncompatibleModelError as problem:
            raise IncompatibleModelError(f"{path}: {problem.message}", problem.hint) from problem


def parse_config(content: dict[str, Any]) -> PotentialConfig:
    """Return the configuration in the content of a ``config.json``.

    Raises
    ------
    MalformedError
        If it is invalid.
    IncompatibleModelError
        If its architecture is not installed.
    """
    found = architecture(str(content.get("architecture")))
    config = fit_whole(content, found.config)
    _check(found, config)
    return config


def _check(found: Architecture, config: PotentialConfig) -> None:
    if len(set(config.type_names)) < len(config.type_names):
        raise MalformedError("'type_names': duplicate element")
    found.check(config)


def read_architecture(path: Path) -> dict[str, Any]:
    """Read the settings of an architecture that a user wrote as JSON.

    Raises
    ------
    TrainingError
        If it is not JSON, or like :func:`new_config`.
    """
    with damage(path, TrainingError, "Write a JSON object.", WRONG):
        content = parse_json(read_bounded(path))
        settings = fit(content, dict[str, Any])
    new_config(settings, ("C",), str(path))
    return settings


def architecture_settings(
    config: str | Path | Mapping[str, Any] | None = None,
    *,
    layers: int | None = None,
    features: int | None = None,
    l_max: int | None = None,
    parity: bool | None = None,
    cutoff: float | None = None,
) -> dict[str, Any]:
    """Return the settings of an architecture that a user gave, in a file and one by one.

    Parameters
    ----------
    config
        Settings, or a JSON file of them.
    layers, features, l_max, parity, cutoff
        Override these settings if not None: interaction blocks, channels, highest rotation order,
        whether to include features of odd parity, and cutoff radius in Å.

    Raises
    ------
    TrainingError
        If the file is not JSON, or its settings are invalid.
    """
    path = user_path(config) if isinstance(config, str | PathLike) else None
    settings = read_architecture(path) if path else dict(config or {})  # type: ignore[arg-type]
    given = {
        "num_layers": layers, "num_features": features, "l_max": l_max, "parity": parity,
        "r_max": cutoff,
    }  # fmt: skip
    return settings | {name: value for name, value in given.items() if value is not None}


def new_config(settings: Any, elements: Iterable[str], where: str) -> PotentialConfig:
    """Return the configuration of a new model, without the values that follow from the data.

    Parameters
    ----------
    settings
        The user's choices: ``architecture``, and fields of its configuration.
    elements
        The elements that the model supports.
    where
        The origin of the settings, for messages.

    Raises
    ------
    TrainingError
        If a setting is unknown, follows from the data, or has an invalid value.
    """
    hint = "Use only the settings of one architecture; the rest follow from the data."
    with damage(where, TrainingError, hint, WRONG):
        check_plain(settings)
        chosen = fit(settings, dict[str, Any])
        found = _chosen_architecture(chosen)
        if not found.is_trainable:
            raise MalformedError(f"models of the architecture {found.name} cannot be trained")
        known = f"Settings of the architecture {found.name}: {', '.join(found.settings)}"
        unknown = [name for name in chosen if name not in (*found.settings, "architecture")]
        if unknown:
            raise MalformedError(f"unknown setting {unknown[0]!r}. {known}")
        plain = found.config(tuple(elements), DEFAULT_CUTOFF, 1.0, "")
        config = fit({**asdict(plain), **chosen}, found.config)
        _check(found, config)
    return config


def _chosen_architecture(settings: dict[str, Any]) -> Architecture:
    if "architecture" not in settings:
        return default_architecture()
    try:
        return architecture(fit(settings["architecture"], str))
    except IncompatibleModelError as problem:
        raise MalformedError(problem.message) from problem


def model_front_matter(config: PotentialConfig, description: str) -> dict[str, Any]:
    """Return the front matter of a model's card, to which its maker adds how it was made."""
    library = architecture_of(config).library
    return {
        "kind": "model",
        "description": description,
        "library_name": library,
        "tags": ["interatomic-potential", library, *config.type_names],
        "model": config.card_entry(),
    }
