"""What a model is, apart from its weights: ``config.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypedDict

from msgspec import Meta

from hub.errors import IncompatibleModelError
from hub.schemas import Elements
from registry.documents import MalformedError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "config.json"
FORMAT = 1
MOST_WEIGHTS = 100_000_000


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
class PotentialConfig:
    """What every architecture has to say of a potential; each adds fields of its own.

    Attributes
    ----------
    type_names
        Chemical symbols in the order of the model's types.
    r_max
        Cutoff radius in Å.
    avg_num_neighbors
        Mean number of neighbours that the sums over them are normalised by. It belongs to the
        function, not to a data set: another value gives other energies.
    energy_reference
        What an energy of zero means, for people.
    architecture
        The name of the architecture.
    units, format
        The same in all.
    """

    type_names: Elements
    r_max: Cutoff
    avg_num_neighbors: Neighbours
    energy_reference: str
    architecture: str = ""
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
            "architecture": {"name": self.architecture},
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


def refuse_huge(weights: int) -> None:
    """Raise `MalformedError` if a model would have more weights than can be meant."""
    if weights > MOST_WEIGHTS:
        raise MalformedError(f"it would have some {weights:,} weights, more than {MOST_WEIGHTS:,}")


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
