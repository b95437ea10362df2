"""What a model is, apart from its weights: ``config.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypedDict

from msgspec import Meta

from hub.errors import IncompatibleModelError, ModelError, TrainingError
from hub.schemas import Elements
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

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "config.json"
FORMAT = 1
ARCHITECTURE = "nequip-onehot"
MOST_WEIGHTS = 100_000_000
_AGAIN = "Pull or train it again."


class Units(TypedDict):
    """What a model computes in; there are no others."""

    energy: Literal["eV"]
    length: Literal["Å"]
    forces: Literal["eV/Å"]
    stress: Literal["eV/Å^3"]


UNITS: Units = {"energy": "eV", "length": "Å", "forces": "eV/Å", "stress": "eV/Å^3"}
Cutoff = Annotated[float, Meta(ge=0.1, le=20)]
Neighbours = Annotated[float, Meta(gt=0, le=1e6)]
Layers = Annotated[int, Meta(ge=1, le=12)]
Width = Annotated[int, Meta(ge=1, le=1024)]


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

    Notes
    -----
    The limits hold for files and for what people choose; a model within them can be built.
    """

    type_names: Elements
    r_max: Cutoff
    avg_num_neighbors: Neighbours
    energy_reference: str
    num_layers: Layers = 4
    num_features: Width = 32
    l_max: Annotated[int, Meta(ge=0, le=6)] = 1
    parity: bool = True
    num_bessels: Annotated[int, Meta(ge=1, le=128)] = 8
    polynomial_cutoff_p: Annotated[int, Meta(ge=2, le=100)] = 6
    radial_mlp_depth: Annotated[int, Meta(ge=0, le=10)] = 1
    radial_mlp_width: Width = 8
    readout_width: Width = 16
    architecture: str = ARCHITECTURE
    units: Units = field(default_factory=UNITS.copy)
    format: int = FORMAT

    def with_changes(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def card_entry(self) -> dict[str, Any]:
        """Return what the card of a model says under ``model``."""
        return {
            "elements": list(self.type_names),
            "cutoff": self.r_max,
            "units": UNITS.copy(),
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


# What a person may choose; the rest follows from the data.
SETTINGS = (
    "r_max", "num_layers", "num_features", "l_max", "parity", "num_bessels", "polynomial_cutoff_p",
    "radial_mlp_depth", "radial_mlp_width", "readout_width",
)  # fmt: skip
_SETTINGS_HINT = f"An architecture has {', '.join(SETTINGS)}; the rest follows from the data."


def read_architecture(path: Path) -> dict[str, Any]:
    """Read the settings of an architecture that a person wrote as JSON.

    Raises
    ------
    TrainingError
        If it is no JSON, or as :func:`architecture_settings` does.
    """
    with damage(path, TrainingError, _SETTINGS_HINT, WRONG):
        content = parse_json(read_bounded(path))
    return architecture_settings(content, str(path))


def architecture_settings(content: Any, where: str) -> dict[str, Any]:
    """Check the settings of an architecture that a person chose, and return them.

    Raises
    ------
    TrainingError
        If one is unknown, follows from the data, or has a value that it cannot have.
    """
    with damage(where, TrainingError, _SETTINGS_HINT, WRONG):
        check_plain(content)
        chosen = fit(content, dict[str, Any])
        unknown = [name for name in chosen if name not in SETTINGS]
        if unknown:
            raise MalformedError(f"there is no setting {unknown[0]!r}")
        like_published = ModelConfig(("C",), 4.0, 1.0, "")
        config = fit({**asdict(like_published), **chosen}, ModelConfig)
        _refuse_huge(config)
    return {name: getattr(config, name) for name in chosen}


def refuse_newer(content: Any, known: int, path: Path) -> None:
    """Refuse a file that has no format number, or one that this release does not know.

    Raises
    ------
    MalformedError
        If it has none.
    IncompatibleModelError
        If a newer release wrote it.
    """
    found = content.get("format") if isinstance(content, dict) else None
    if type(found) is not int or found < 1:
        raise MalformedError("it has no format number")
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
    with damage(path, ModelError, _AGAIN):
        try:
            content = parse_json(read_bounded(path))
        except FileNotFoundError:
            raise ModelError(
                f"{directory} holds no model: {FILE_NAME} is missing",
                hint="Name a model of `hub list`, or a run folder whose training has finished.",
            ) from None
        refuse_newer(content, FORMAT, path)
        if content.get("architecture") != ARCHITECTURE:
            raise IncompatibleModelError(
                f"{path} describes the architecture {str(content.get('architecture'))[:50]!r}; "
                f"this release builds {ARCHITECTURE!r}",
                hint="Update it: pip install --upgrade mlip-hub",
            )
        config = fit_whole(content, ModelConfig)
        _refuse_huge(config)
    return config


def _refuse_huge(config: ModelConfig) -> None:
    """Refuse what is within all limits, and beyond any memory when taken together."""
    n_types, n_irreps = len(config.type_names), 2 * (config.l_max + 1)
    weights = config.num_layers * n_irreps * n_types * config.num_features**2
    if weights > MOST_WEIGHTS:
        raise MalformedError(f"it would have some {weights:,} weights, more than {MOST_WEIGHTS:,}")
    if len(set(config.type_names)) < n_types:
        raise MalformedError("'type_names': an element stands in it twice")
