"""Survey a dataset: local structure by density, and labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.dataset import Dataset
from hub.datasets.pulling import pull_dataset
from hub.datasets.selection import Choice
from hub.structures.analysis import LocalStructure, local_structure, mass_densities

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.structures import StructureSet
    from hub.structures.arrays import FloatArray
    from registry.download import Progress

_LARGEST_UNIFORM = 0.2  # g/cm³; for a wider range the structures are grouped by density
_DENSITY_GROUPS = 3
_COMMON = 0.01  # of the atoms


@dataclass(frozen=True)
class Group:
    """Structures of similar density.

    Attributes
    ----------
    densities
        The lowest and highest in g/cm³; None without volumes.
    local
        Their local structure.
    structure_densities
        (S,) in g/cm³; NaN without volumes.
    """

    densities: tuple[float, float] | None
    local: LocalStructure
    structure_densities: FloatArray

    @property
    def title(self) -> str:
        """Its title in tables and plots."""
        if self.densities is None:
            return "not periodic"
        low, high = (f"{density:.2f}" for density in self.densities)
        return f"{low} g/cm³" if low == high else f"{low}-{high} g/cm³"


@dataclass(frozen=True)
class LabelSample:
    """The labels of one label set.

    Attributes
    ----------
    energies
        (S,) in eV/atom, without absent ones.
    forces
        (A,) magnitudes of the forces on atoms in eV/Å, without absent ones.
    """

    energies: FloatArray
    forces: FloatArray


@dataclass(frozen=True)
class Survey:
    """A random sample of a dataset.

    Attributes
    ----------
    name
        The name of the dataset.
    n_sampled, n_structures
        Number of structures in the sample, and number that match the condition.
    groups
        Groups by density, if it varies.
    labels
        Samples by the name of the label set.
    """

    name: str
    n_sampled: int
    n_structures: int
    groups: tuple[Group, ...]
    labels: dict[str, LabelSample]

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols, in the order of the arrays of the groups."""
        return self.groups[0].local.elements

    @property
    def n_left_out(self) -> int:
        """Number of structures whose positions or cells do not allow a neighbour list."""
        return sum(int((~group.local.usable).sum()) for group in self.groups)

    @property
    def counted(self) -> str:
        """The number of structures in the sample, in words."""
        if self.n_sampled == self.n_structures:
            return f"all {self.n_structures:,} structures"
        return f"{self.n_sampled:,} of {self.n_structures:,} structures, drawn at random"

    def common_coordinations(self) -> list[int]:
        """Return the coordination numbers that at least 1 % of the atoms of an element have."""
        counts = sum(group.local.coordination.sum(axis=0) for group in self.groups)
        fractions = counts / np.maximum(np.sum(counts, axis=1, keepdims=True), 1)
        return np.flatnonzero((fractions >= _COMMON).any(axis=0)).tolist()

    def to_json(self) -> dict[str, Any]:
        """Return a numerical summary, with units in the keys."""
        bonded_below = self.groups[0].local.bonded_below
        return {
            "sampled": self.n_sampled,
            "structures": self.n_structures,
            "left_out": self.n_left_out,
            "bonded_below_angstrom": _by_pair(self.elements, bonded_below),
            "groups": [self._group_json(group) for group in self.groups],
            "labels": {
                name: {
                    "energy_deviation_eV_per_atom": _rounded(np.std, sample.energies),
                    "force_rms_eV_per_angstrom": _rounded(_component_rms, sample.forces),
                }
                for name, sample in self.labels.items()
            },
        }

    def _group_json(self, group: Group) -> dict[str, Any]:
        fractions = group.local.coordination_fractions
        return {
            "density_g_per_cm3": group.densities,
            "structures": int(group.local.usable.sum()),
            "bond_length_angstrom": _by_pair(self.elements, group.local.bond_lengths),
            "coordination": {
                element: {
                    str(bonds): round(float(fractions[row, bonds]), 4)
                    for bonds in np.flatnonzero(fractions[row] > 0).tolist()
                }
                for row, element in enumerate(self.elements)
            },
        }


def survey(
    place: str,
    sample: int,
    *,
    where: str | None = None,
    seed: int = 0,
    pulling: Progress | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Survey:
    """Analyse a random sample of a dataset, with all its label sets.

    Parameters
    ----------
    place
        The reference of a dataset; the required parts are pulled.
    sample
        Number of structures to analyse; all if fewer match.
    where
        A condition on columns, e.g. ``density >= 2.0``.
    seed
        Seed of the random sample.
    pulling
        Called with the number of bytes as they arrive.
    progress
        Called with the number of structures analysed.

    Raises
    ------
    DataError
        If it is not a dataset, or no structure matches.
    RegistryError
        As in `hub.pull`.
    """
    head = pull_dataset(place, labels=(), choice=Choice(where), metadata_only=True)
    reference = str(head.version.reference)
    n_fitting = head.chosen or 0
    choice = Choice(where, min(sample, n_fitting), seed)
    pulled = pull_dataset(reference, choice=choice, progress=pulling)
    dataset = Dataset(pulled.version.path, reference)
    structures = dataset.load("", **asdict(choice))
    labels = {}
    for name in dataset.label_sets:
        labelled = dataset.load(name, **asdict(choice))
        per_atom = labelled.energies / np.maximum(labelled.n_atoms, 1)
        lengths = np.linalg.norm(labelled.forces, axis=1)
        labels[name] = LabelSample(per_atom[np.isfinite(per_atom)], lengths[np.isfinite(lengths)])
    groups = _analyse(structures, progress)
    return Survey(reference, len(structures), n_fitting, groups, labels)


def _analyse(
    structures: StructureSet, progress: Callable[[int, int | None], None] | None
) -> tuple[Group, ...]:
    densities = mass_densities(structures)
    groups = []
    done = 0
    for members in _divided(densities, one_element=len(structures.elements) == 1):
        part = structures.select(members)
        known = densities[members][np.isfinite(densities[members])]
        limits = (float(known.min()), float(known.max())) if len(known) else None

        def tell(here: int, _: int | None, before: int = done) -> None:
            if progress is not None:
                progress(before + here, len(structures))

        groups.append(Group(limits, local_structure(part, tell), densities[members]))
        done += len(part)
    return tuple(groups)


def _divided(densities: FloatArray, *, one_element: bool) -> list[np.ndarray]:
    """Return the indices of structures, grouped by density if it varies.

    With several elements, compositions vary, too: all structures are in one group.
    """
    known = np.isfinite(densities)
    if not one_element or not known.any():
        return [np.arange(len(densities))]
    low, high = densities[known].min(), densities[known].max()
    n_groups = _DENSITY_GROUPS if high - low > _LARGEST_UNIFORM else 1
    places = np.floor((densities - low) / max(high - low, 1e-9) * n_groups)
    places = np.where(known, places.clip(0, n_groups - 1), n_groups)
    return [np.flatnonzero(places == place) for place in np.unique(places)]


def _by_pair(elements: tuple[str, ...], values: FloatArray) -> dict[str, float]:
    """Return symmetric (E, E) values by pair of elements, without NaN."""
    return {
        f"{one}-{other}": round(float(values[row, column]), 4)
        for row, one in enumerate(elements)
        for column, other in enumerate(elements)
        if row <= column and np.isfinite(values[row, column])
    }


def _component_rms(lengths: FloatArray) -> float:
    return float(np.sqrt(np.mean(lengths**2) / 3))


def _rounded(measure: Callable[[FloatArray], Any], values: FloatArray) -> float | None:
    return round(float(measure(values)), 4) if len(values) else None
