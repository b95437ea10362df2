"""Publish a run folder or model directory as a version in a registry."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from hub.errors import PublishingError
from hub.library import MODEL_FOLDER, catalogue
from hub.potentials.directory import FILES, read_model
from hub.training import run_files
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import join_front_matter, read_text, split_front_matter
from registry.errors import NotFoundError
from registry.files import scratch_directory, storage_errors
from registry.manifest import Parent
from registry.origins import LOCAL
from registry.paths import user_path
from registry.publishing import publish as publish_version
from registry.references import check_name, check_version

if TYPE_CHECKING:
    from pathlib import Path

    from registry.versions import LocalVersion

_OPTIONS = ("license", "description")  # of `hub publish`, for hints


def publish(
    place: str | Path,
    name: str,
    version: str,
    *,
    to: str = LOCAL,
    license: str | None = None,  # noqa: A002 - the option's name
    description: str | None = None,
    accept: bool = False,
) -> LocalVersion:
    """Publish a model: its weights, configuration, probe and card.

    Parameters
    ----------
    place
        A run folder whose training is finished, or a model directory.
    name, version
        Name and version (MAJOR.MINOR.PATCH) of the model. A version never changes.
    to
        Name of a registry, or its directory; this machine's own by default.
    license, description
        Replace what the card says.
    accept
        Publish although this machine has seen other content there under this version.

    Returns
    -------
    The version as others will pull it.

    Raises
    ------
    NotFoundError
        If there is no such directory or registry.
    PublishingError
        If the training has not finished, or the card is incomplete; says what to add where.
    ModelError
        If the model does not reproduce its stored predictions.
    SubstitutedError
        If this machine has seen different content there under this name and version.
    ExistsError
        If the version already exists, or the name is a built-in one.
    InvalidReferenceError
        If the name or version is malformed.
    StorageError
        If the registry cannot be written.
    """
    check_name(name)
    check_version(version)
    directory = _model_directory(user_path(place))
    card = directory / CARD_NAME
    front_matter, body = _read_card(card)
    given = {"name": name, "version": version, "license": license, "description": description}
    front_matter |= {key: value for key, value in given.items() if value}
    _require_facts(front_matter, card)
    config = read_model(directory).config
    names = catalogue()
    with scratch_directory(names.local.files.parts) as content:
        with storage_errors(directory):
            for file in FILES:
                shutil.copyfile(directory / file, content / file)
            text = join_front_matter(front_matter, body)
            (content / CARD_NAME).write_text(text, encoding="utf-8")
        return publish_version(
            names,
            content,
            name,
            version,
            kind="model",
            metadata={"description": front_matter["description"], **config.facts()},
            parents=_parents(front_matter, card),
            licence=_licence(front_matter),
            to=to,
            accept=accept,
        )


def _model_directory(place: Path) -> Path:
    """Return the model directory of a finished run folder, or `place` itself."""
    if not place.is_dir():
        raise NotFoundError(
            f"directory {place} not found", "Give a run folder or a model directory."
        )
    if (place / run_files.JOB_NAME).exists() and run_files.read_results(place) is None:
        raise PublishingError(
            f"the training in {place} is not finished",
            f"Resume it: {run_files.resume_command(place)}",
        )
    inner = place / MODEL_FOLDER
    return inner if inner.is_dir() else place


def _read_card(path: Path) -> tuple[dict[str, Any], str]:
    if not path.exists():
        raise PublishingError(
            f"card {path} not found",
            "Write one that begins with the lines ---, license: ..., description: ... and ---.",
        )
    return split_front_matter(read_text(path), str(path))


def _require_facts(front_matter: dict[str, Any], card: Path) -> None:
    """Refuse a card without licence or description, and list everything that is missing."""
    wanted = ["license", "description"]
    if front_matter.get("license") == "other":
        wanted.append("license_name")
    lacking = [key for key in wanted if not _is_text(front_matter.get(key))]
    if lacking:
        lines = " and ".join(f"`{key}: ...`" for key in lacking)
        options = " and ".join(f"--{key}" for key in lacking if key in _OPTIONS)
        raise PublishingError(
            f"the card {card} lacks {' and '.join(lacking)}",
            f"Add {lines} between its two --- lines"
            + (f", or give {options}." if options else "."),
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _licence(front_matter: dict[str, Any]) -> str:
    """Return the licence's identifier, or its name if the identifier is ``other``."""
    licence = str(front_matter["license"])
    return str(front_matter["license_name"]) if licence == "other" else licence


def _parents(front_matter: dict[str, Any], card: Path) -> tuple[Parent, ...]:
    """Return the version from which the model was made, if any."""
    made = front_matter.get("training") or front_matter.get("transmutation")
    parent = made.get("parent") if isinstance(made, dict) else None
    if not isinstance(parent, dict) or "digest" not in parent:
        return ()
    try:
        return (Parent(**parent),)
    except TypeError as error:
        raise PublishingError(
            f"the card {card} has an invalid `parent`",
            "`parent` in `training` must have name, version, digest and relation; otherwise remove "
            "it.",
        ) from error
