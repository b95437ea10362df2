"""Where things are in a dataset, and the attributes that say so; FORMAT.md is the specification.

This module knows names and numbers only, and imports neither numpy nor zarr.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from msgspec import Meta, Struct

from registry.documents import damage, fit
from registry.errors import IncompatibleError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = 1
REPAIR = "`hub verify` finds the file and repairs it."
ATTRIBUTE = "mlip_hub_dataset"  # of the root group
GROUP = "dataset.zarr"  # inside a version's directory
WRITING = "writing"  # beside the group while it is unfinished
METADATA = "zarr.json"  # of a group or array, inside its directory

CHUNK_ATOMS = 65_536
SHARD_ATOMS = 1_048_576
CHUNK_STRUCTURES = 16_384
SHARD_STRUCTURES = 262_144

PROPERTY_GROUP = "properties"  # of a label set
STRUCTURE_EXTRAS = "extras/structure"
ATOM_EXTRAS = "extras/atom"
CONFIG_TYPE = "config_type"
SPLIT = "split"


class LabelUnits(TypedDict, total=False):
    """There are no others."""

    energies: Literal["eV"]
    forces: Literal["eV/Å"]
    stresses: Literal["eV/Å^3"]


@dataclass(frozen=True)
class LabelSet:
    """What is known about the labels that one teacher gave.

    Attributes
    ----------
    teacher
        What computed them: a potential, or a code.
    parameters_digest
        The sha256 of the teacher's parameter file, in hexadecimal.
    versions
        Of the programs that were used, by name.
    level_of_theory
        Such as ``PBE`` or ``GAP-17``.
    reference_energies
        Energy in eV of an isolated atom by chemical symbol, as contained in the energies.
    subtracted_energies
        Energy in eV by chemical symbol that was taken off the teacher's own for every atom; empty
        if the energies are as the teacher gave them.
    date
        When they were computed, as YYYY-MM-DD.
    source
        Where they came from: files, addresses, the keys that were taken.
    units
        Of energies, forces and stresses.
    """

    teacher: str = ""
    parameters_digest: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    level_of_theory: str = ""
    reference_energies: dict[str, float] = field(default_factory=dict)
    subtracted_energies: dict[str, float] = field(default_factory=dict)
    date: str = ""
    source: str = ""
    units: LabelUnits = field(
        default_factory=lambda: LabelUnits(energies="eV", forces="eV/Å", stresses="eV/Å^3")
    )

    def to_attributes(self) -> dict[str, Any]:
        """Return what the label set's group carries as attributes."""
        return asdict(self)

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any]) -> LabelSet:
        """Read the attributes of a label set's group; others than ours are left alone.

        Raises
        ------
        MalformedError
            If one is not what it must be.
        """
        return fit(attributes, cls)


def label_array(name: str, kind: str) -> str:
    """Return the path of an array of a label set.

    Parameters
    ----------
    name
        The label set.
    kind
        ``energies``, ``forces``, or what `property_path` returns.
    """
    return f"labels/{name}/{kind}"


def property_path(name: str) -> str:
    """Return where one of `hub.datasets.names.PROPERTIES` is inside a label set's group."""
    return f"{PROPERTY_GROUP}/{name}"


def shard_path(array: str, shard: int, dimensions: int) -> str:
    """Return where a shard of an array lies in the group: shards divide the first axis only."""
    return "/".join([array, "c", str(shard), *["0"] * (dimensions - 1)])


def check_label_name(name: str) -> str:
    """Return `name` if it can name a label set, an extra, and a directory; else raise."""
    from hub.errors import DataError

    plain = name.replace("_", "").replace("-", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum() and name[0].isalnum() and len(name) <= 100):
        raise DataError(
            f"{name!r} cannot name a label set or column of a dataset",
            "Use letters, digits, '-', '.' and '_', beginning with a letter or digit.",
        )
    return name


class Facts(Struct, forbid_unknown_fields=True):
    """What the root group says of a dataset."""

    format: int
    structures: Annotated[int, Meta(ge=1, le=1 << 40)]
    atoms: Annotated[int, Meta(ge=0, le=1 << 48)]
    dtype: Literal["float64", "float32"]
    elements: list[Annotated[str, Meta(pattern="^[A-Z][a-z]?$")]]
    label_sets: list[str]


def read_attributes(attributes: dict[str, Any], place: str) -> Facts:
    """Return the root group's attributes in today's format.

    Parameters
    ----------
    attributes
        Of the root group.
    place
        What is read, for messages.

    Raises
    ------
    IntegrityError
        If it is no dataset, or an attribute is not what it must be.
    DataError
        If a label set has a name that none can have.
    IncompatibleError
        If a newer release wrote it.
    """
    content: Any = attributes.get(ATTRIBUTE)
    step = content.get("format") if isinstance(content, dict) else None
    if type(step) is not int or step < 1:
        raise IntegrityError(
            f"{place} is no dataset: its group has no attribute {ATTRIBUTE}",
            "Was it made by `hub import`?",
        )
    if step > FORMAT:
        raise IncompatibleError(
            f"{place} is of dataset format {step}, and this release reads up to {FORMAT}",
            "Update mlip-hub.",
        )
    for upgrade in (_UPGRADES[number] for number in range(step, FORMAT)):
        content = upgrade(content)
    with damage(f"the attribute {ATTRIBUTE} of {place}", IntegrityError, REPAIR):
        facts = fit(content, Facts)
        for name in facts.label_sets:
            check_label_name(name)
    return facts


# One function per step: the key is the format that it reads, the next format is what it writes.
_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
