"""What a model is, apart from its weights: ``config.json``."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from hub.errors import IncompatibleModelError, ModelError, TrainingError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "config.json"
FORMAT = 1
ARCHITECTURE = "nequip-onehot"
UNITS = {"energy": "eV", "length": "Å", "forces": "eV/Å", "stress": "eV/Å^3"}


# What a person may choose: its type, and its smallest value.
_SETTINGS: dict[str, tuple[type, float]] = {
    "r_max": (float, 1.0),
    "num_layers": (int, 1),
    "num_features": (int, 1),
    "l_max": (int, 0),
    "parity": (bool, False),
    "num_bessels": (int, 1),
    "polynomial_cutoff_p": (int, 2),
    "radial_mlp_depth": (int, 0),
    "radial_mlp_width": (int, 1),
    "readout_width": (int, 1),
}
_SETTINGS_HINT = f"An architecture has {', '.join(_SETTINGS)}; the rest follows from the data."
_KINDS = {float: "number", int: "whole number", bool: "truth value"}


@dataclass(frozen=True)
class ModelConfig:
    """Everything but the weights that determines the function a model computes.

    Attributes
    ----------
    type_names
        Chemical symbols in the order of the model's types.
    r_max
        Cutoff radius in Å.
    avg_num_neighbors
        Constant that normalises the sum over neighbours. It belongs to the function, not to a
        data set: another value gives other energies, so it stays what it was in training.
    energy_reference
        What an energy of zero means, for people.
    num_layers, num_features, l_max, parity
        Interaction blocks, channels per irrep, highest rotation order, odd parity or not.
    num_bessels, polynomial_cutoff_p
        Radial basis size and exponent of the envelope.
    radial_mlp_depth, radial_mlp_width, readout_width
        Sizes of the radial and read-out networks.
    """

    type_names: tuple[str, ...]
    r_max: float
    avg_num_neighbors: float
    energy_reference: str
    num_layers: int = 4
    num_features: int = 32
    l_max: int = 1
    parity: bool = True
    num_bessels: int = 8
    polynomial_cutoff_p: int = 6
    radial_mlp_depth: int = 1
    radial_mlp_width: int = 8
    readout_width: int = 16
    architecture: str = ARCHITECTURE
    units: dict[str, str] = field(default_factory=lambda: dict(UNITS))
    format: int = FORMAT

    def with_changes(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def card_entry(self) -> dict[str, Any]:
        """Return what the card of a model says under ``model``."""
        return {
            "elements": list(self.type_names),
            "cutoff": self.r_max,
            "units": dict(UNITS),
            "avg_num_neighbors": self.avg_num_neighbors,
            "energy_reference": self.energy_reference,
        }

    def facts(self) -> dict[str, Any]:
        """Return what the manifest of a version says about the model."""
        return {
            "elements": list(self.type_names),
            "cutoff": self.r_max,
            "architecture": self.architecture,
        }

    def to_json(self) -> str:
        """Write as JSON, the same bytes for the same configuration."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_architecture(path: Path) -> dict[str, Any]:
    """Read the settings of an architecture that a person wrote as JSON.

    Raises
    ------
    TrainingError
        If it is no JSON, or as :func:`architecture_settings` does.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} is no JSON: {error}", hint=_SETTINGS_HINT) from error
    return architecture_settings(content, str(path))


def architecture_settings(content: Any, where: str) -> dict[str, Any]:
    """Check the settings of an architecture that a person chose, and return them.

    Raises
    ------
    TrainingError
        If one is unknown, follows from the data, or has a value that it cannot have.
    """
    if not isinstance(content, dict):
        raise TrainingError(f"{where} does not hold names and values", hint=_SETTINGS_HINT)
    for name, value in content.items():
        if name not in _SETTINGS:
            raise TrainingError(f"{where} names {name!r}", hint=_SETTINGS_HINT)
        kind, smallest = _SETTINGS[name]
        number: Any = float(value) if kind is float and type(value) is int else value
        of_kind = type(number) is kind
        if not (of_kind and smallest <= number < math.inf):
            raise TrainingError(
                f"{where} gives {name} the value {value!r}",
                hint=f"It is a {_KINDS[kind]}" + ("" if kind is bool else f", {smallest} or more"),
            )
    return content


def refuse_newer(found: int, known: int, path: Path) -> None:
    """Raise `IncompatibleModelError` for a file whose format is newer than this release knows."""
    if found > known:
        raise IncompatibleModelError(
            f"{path} has format {found}; this release reads up to {known}",
            hint="Update it: pip install --upgrade mlip-hub",
        )


def read_config(directory: Path) -> ModelConfig:
    """Read the configuration of a model directory.

    Raises
    ------
    ModelError
        If the file is missing or malformed.
    IncompatibleModelError
        If a newer release of this package wrote it.
    """
    path = directory / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{directory} holds no model: {FILE_NAME} is missing",
            hint="Name a model of `hub list`, or a run folder whose training has finished.",
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is damaged: {error}", hint="Pull or train it again.") from error
    return _from_dict(content, path)


def _from_dict(content: Any, path: Path) -> ModelConfig:
    """Check the fields one by one, so that a wrong one is named."""
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise ModelError(f"{path} is damaged: it has no format version")
    refuse_newer(content["format"], FORMAT, path)
    if content.get("architecture") != ARCHITECTURE:
        raise IncompatibleModelError(
            f"{path} describes the architecture {content.get('architecture')!r}; "
            f"this release builds {ARCHITECTURE!r}",
            hint="Update it: pip install --upgrade mlip-hub",
        )
    known = {item.name for item in fields(ModelConfig)}
    unknown, missing = set(content) - known, known - set(content)
    if unknown or missing:
        wrong = [f"unknown {name}" for name in sorted(unknown)]
        wrong += [f"missing {name}" for name in sorted(missing)]
        raise ModelError(f"{path} is damaged: {', '.join(wrong)}")
    cutoff = content["r_max"]
    if not isinstance(cutoff, int | float) or not cutoff > 0:
        raise ModelError(f"{path} is damaged: the cutoff r_max is {cutoff!r}, not a length in Å")
    content["type_names"] = tuple(content["type_names"])
    return ModelConfig(**content)
