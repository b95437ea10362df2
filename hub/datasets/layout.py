"""The layout of a dataset and its attributes; FORMAT.md is the specification.

This module contains only names and numbers, and imports neither numpy nor zarr.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from msgspec import Meta, Struct

from registry.documents import damage, fit
from registry.errors import IncompatibleError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT = 1
REPAIR = "Find and repair the file: hub verify."
ATTRIBUTE = "mlip_hub_dataset"  # of the root group
GROUP = "dataset.zarr"  # inside a version's directory
WRITING = "writing"  # next to the group while it is unfinished
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
CONSTRAINED = "constrained"  # 1 for constrained atoms, whose forces may be meaningless


class LabelUnits(TypedDict, total=False):
    """The units of labels; there are no others."""

    energies: Literal["eV"]
    forces: Literal["eV/Å"]
    stresses: Literal["eV/Å^3"]


@dataclass(frozen=True)
class LabelSet:
    """The description of a label set, i.e. of the labels from one teacher.

    Attributes
    ----------
    teacher
        The potential or code that computed them.
    parameters_digest
        The sha256 of the teacher's parameter file, in hexadecimal.
    versions
        Versions of the programs used, by name.
    level_of_theory
        For example ``PBE`` or ``GAP-17``.
    reference_energies
        Energies in eV of isolated atoms by chemical symbol, as included in the energies.
    subtracted_energies
        Energies in eV by chemical symbol that were subtracted for every atom from the teacher's
        energies; empty if these are unchanged.
    date
        Date of the calculation, as YYYY-MM-DD.
    source
        Their origin: files, addresses, keys.
    units
        Units of energies, forces and stresses.
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
        """Return the attributes of the label set's group."""
        return asdict(self)

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any]) -> LabelSet:
        """Read the attributes of a label set's group; foreign attributes are ignored.

        Raises
        ------
        MalformedError
            If one is invalid.
        """
        return fit(attributes, cls)


def is_dataset(directory: Path) -> bool:
    """Whether a directory contains a dataset, or is one."""
    return (directory / GROUP).is_dir() or (directory.name == GROUP and directory.is_dir())


def label_array(name: str, kind: str) -> str:
    """Return the path of an array of a label set.

    Parameters
    ----------
    name
        The label set.
    kind
        ``energies``, ``forces``, or a result of `property_path`.
    """
    return f"labels/{name}/{kind}"


def property_path(name: str) -> str:
    """Return the path of one of `hub.datasets.names.PROPERTIES` in a label set's group."""
    return f"{PROPERTY_GROUP}/{name}"


def shard_path(array: str, shard: int, dimensions: int) -> str:
    """Return the path of a shard of an array in the group; shards divide only the first axis."""
    return "/".join([array, "c", str(shard), *["0"] * (dimensions - 1)])


def check_label_name(name: str) -> str:
    """Return `name` if it is valid for a label set, an extra and a directory; else raise."""
    from hub.errors import DataError

    plain = name.replace("_", "").replace("-", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum() and name[0].isalnum() and len(name) <= 100):
        raise DataError(
            f"{name!r} is not a valid name of a label set or column of a dataset",
            "Use letters, digits, '-', '.' and '_', beginning with a letter or digit.",
        )
    return name


class Facts(Struct, forbid_unknown_fields=True):
    """The attributes of a dataset in the root group."""

    format: int
    structures: Annotated[int, Meta(ge=1, le=1 << 40)]
    atoms: Annotated[int, Meta(ge=0, le=1 << 48)]
    dtype: Literal["float64", "float32"]
    elements: list[Annotated[str, Meta(pattern="^[A-Z][a-z]?$")]]
    label_sets: list[str]


def read_attributes(attributes: dict[str, Any], place: str) -> Facts:
    """Return the root group's attributes in the current format.

    Parameters
    ----------
    attributes
        The attributes of the root group.
    place
        The name of the dataset, for messages.

    Raises
    ------
    IntegrityError
        If it is not a dataset, or an attribute is invalid.
    DataError
        If a label set has an invalid name.
    IncompatibleError
        If a newer release wrote it.
    """
    content: Any = attributes.get(ATTRIBUTE)
    step = content.get("format") if isinstance(content, dict) else None
    if type(step) is not int or step < 1:
        raise IntegrityError(
            f"{place} is not a dataset: its group has no attribute {ATTRIBUTE}",
            "Check that it was made by `hub import`.",
        )
    if step > FORMAT:
        raise IncompatibleError(
            f"{place} has dataset format {step}, but this release reads only up to {FORMAT}",
            "Update mlip-hub.",
        )
    for upgrade in (_UPGRADES[number] for number in range(step, FORMAT)):
        content = upgrade(content)
    with damage(f"the attribute {ATTRIBUTE} of {place}", IntegrityError, REPAIR):
        facts = fit(content, Facts)
        for name in facts.label_sets:
            check_label_name(name)
    return facts


# One function per step: it reads the format given by the key and writes the next one.
_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
