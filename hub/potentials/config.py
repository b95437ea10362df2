"""The configuration of a model, i.e. everything except its weights: ``config.json``."""

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
    """The units of all models; there are no others."""

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
    """The configuration of a potential; each architecture adds its own fields.

    Attributes
    ----------
    type_names
        Chemical symbols in the order of the model's types.
    r_max
        Cutoff radius in Å.
    avg_num_neighbors
        Mean number of neighbours, which normalises the sums over neighbours. It is part of the
        function, not of a data set: a different value gives different energies.
    energy_reference
        The meaning of zero energy, as text for users.
    architecture
        The name of the architecture.
    units, format
        The same for all architectures.
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
        """Return the ``model`` section of a model's card."""
        return {
            "elements": list(self.type_names),
            "cutoff": self.r_max,
            "units": UNITS.copy(),
            "avg_num_neighbors": self.avg_num_neighbors,
            "energy_reference": self.energy_reference,
            "architecture": {"name": self.architecture},
        }

    def facts(self) -> dict[str, Any]:
        """Return the metadata of the model in the manifest of a version."""
        return {
            "elements": list(self.type_names),
            "cutoff": self.r_max,
            "architecture": self.architecture,
        }

    def to_json(self) -> str:
        """Write as JSON; the same configuration gives the same bytes."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def refuse_huge(weights: int) -> None:
    """Raise `MalformedError` if a model would have an unreasonable number of weights."""
    if weights > MOST_WEIGHTS:
        raise MalformedError(f"too many weights: about {weights:,} (maximum {MOST_WEIGHTS:,})")


def refuse_newer(content: Any, known: int, path: Path) -> None:
    """Refuse a file without a format number, or with one that this release does not support.

    Raises
    ------
    MalformedError
        If it has no format number.
    IncompatibleModelError
        If a newer release wrote it.
    """
    found = content.get("format") if isinstance(content, dict) else None
    if type(found) is not int or found < 1:
        raise MalformedError("the format number is missing or invalid")
    if found > known:
        raise IncompatibleModelError(
            f"{path} has format {found}, but this release reads only up to {known}",
            hint="Update mlip-hub: pip install --upgrade mlip-hub",
        )
