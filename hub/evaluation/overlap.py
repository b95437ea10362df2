"""Share of the environments in one set of structures that another set covers, by SOAP.

Atomic environments are described by normalised smooth-overlap-of-atomic-positions vectors (Bartók,
Kondor, Csányi, Phys. Rev. B 87, 184115 (2013)) and compared by their Euclidean distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hub.alchemy.lengths import first_neighbour_distance, scale_to
from hub.alchemy.transmutation import Transmutation, transmute_structures
from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.structure_set import StructureSet

MOST_ENVIRONMENTS = 3000
_TRIED, _SCALES = 400, 7  # environments and scales tried where the scale is not given
_CUTOFF = 2.6  # first-neighbour distances of the source; 4 Å for diamond
_SMEARING = 0.26  # first-neighbour distances; 0.4 Å for diamond
_RADIAL, _ANGULAR = 8, 6
_INSIDE = 0.95  # share of the source's environments that define its region


@dataclass(frozen=True)
class Environments:
    """Descriptors of atomic environments.

    Attributes
    ----------
    vectors
        (N, D), normalised.
    structure
        (N,) index of the structure of each atom.
    """

    vectors: FloatArray
    structure: IntArray


@dataclass(frozen=True)
class Overlap:
    """Overlap of a target with a source.

    Attributes
    ----------
    source, unscaled, scaled
        Environments of the source, of the target as it is, and of the target scaled to the lengths
        of the source.
    reach
        Distance within which 95 % of the source's environments have one from another structure of
        the source; environments this close to the source are inside its region.
    share_unscaled, share_scaled
        Share of the target's environments inside the source's region.
    scale
        Factor by which the target's lengths were divided.
    names
        Files or datasets of source and target.
    """

    source: Environments
    unscaled: Environments
    scaled: Environments
    reach: float
    share_unscaled: float
    share_scaled: float
    scale: float
    names: tuple[str, str]


def measure_overlap(
    source: StructureSet,
    target: StructureSet,
    pairs: tuple[tuple[str, str], ...],
    scale: float | None = None,
) -> Overlap:
    """Measure the share of the target's environments that the source covers.

    Parameters
    ----------
    source, target
        Labels are not used. Large sets are sampled.
    pairs
        (old, new): elements of the source and the corresponding elements of the target.
    scale
        Ratio of lengths, target / source; determined if None.

    Raises
    ------
    AlchemyError
        If an element of the target corresponds to none of the source.
    DataError
        If DScribe is not installed, or the source has too few structures.
    """
    length = first_neighbour_distance(source)
    known = _describe(source, source.elements, length)

    def describe(factor: float, most: int = MOST_ENVIRONMENTS) -> Environments:
        image = transmute_structures(target, Transmutation(pairs, factor).inverse())
        return _describe(image, source.elements, length, most)

    if scale is None:
        scale = _nearest_scale(known, describe, source, target, pairs)
    unscaled, scaled = describe(1.0), describe(scale)
    reach = _reach(known)
    return Overlap(
        known,
        unscaled,
        scaled,
        reach=reach,
        share_unscaled=float(inside(known, unscaled, reach).mean()),
        share_scaled=float(inside(known, scaled, reach).mean()),
        scale=scale,
        names=(_name(source), _name(target)),
    )


def _name(structures: StructureSet) -> str:
    return ", ".join(Path(source).name for source in structures.sources)


def _nearest_scale(
    known: Environments,
    describe: Callable[[float, int], Environments],
    source: StructureSet,
    target: StructureSet,
    pairs: tuple[tuple[str, str], ...],
) -> float:
    """Return the scale, between two guesses, that brings the target closest to the source.

    One guess is the ratio of first-neighbour distances in the two sets, which is right for the same
    crystal; the other is that in the elements' own crystals, for sets of different crystals.
    """
    guesses = (
        first_neighbour_distance(target) / first_neighbour_distance(source),
        scale_to(target, pairs),
    )

    def distance(factor: float) -> float:
        found = _nearest(describe(factor, _TRIED).vectors, known.vectors)
        return float(found.mean())

    return float(min(np.linspace(min(guesses), max(guesses), _SCALES), key=distance))


def inside(source: Environments, target: Environments, reach: float) -> BoolArray:
    """Return (N,) whether each target environment is within `reach` of one of the source."""
    result: BoolArray = _nearest(target.vectors, source.vectors) <= reach
    return result


def _reach(source: Environments) -> float:
    """Return the distance within which most environments have one from another structure."""
    if len(np.unique(source.structure)) < 2:
        raise DataError(
            "the source has only one structure; at least two are needed",
            "Give more structures.",
        )
    nearest = np.concatenate(
        [
            _nearest(source.vectors[source.structure == each], source.vectors[others])
            for each in np.unique(source.structure)
            if (others := source.structure != each).any()
        ]
    )
    return float(np.quantile(nearest, _INSIDE))


def _nearest(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return the distance from each normalised vector to the nearest of the others."""
    cosines = (points @ others.T).max(axis=1)
    distances: FloatArray = np.sqrt(np.maximum(2 - 2 * cosines, 0.0))
    return distances


def _describe(
    structures: StructureSet,
    elements: tuple[str, ...],
    length: float,
    most: int = MOST_ENVIRONMENTS,
) -> Environments:
    """Describe the atoms of randomly drawn structures until there are enough."""
    try:
        from dscribe.descriptors import SOAP
    except ImportError:
        raise DataError(
            "DScribe, which describes the environments, is not installed",
            "Install it: pip install 'mlip-hub[overlap]'",
        ) from None
    settings = {"n_max": _RADIAL, "l_max": _ANGULAR, "sigma": _SMEARING * length}
    soaps = {
        periodic: SOAP(species=elements, periodic=periodic, r_cut=_CUTOFF * length, **settings)
        for periodic in (True, False)
    }
    vectors, owners, count = [], [], 0
    for index in np.random.default_rng(0).permutation(len(structures)):
        if count >= most:
            break
        atoms = structures.to_atoms(int(index))
        vectors.append(soaps[bool(atoms.pbc.any())].create(atoms))
        owners.append(np.full(len(atoms), index))
        count += len(atoms)
    joined = np.concatenate(vectors)
    sizes = np.linalg.norm(joined, axis=1, keepdims=True)
    return Environments(joined / np.maximum(sizes, 1e-12), np.concatenate(owners))
