"""How much of one set of structures lies where another has been: environments compared by SOAP.

Environments of atoms are described by the smooth overlap of atomic positions (Bartók, Kondor,
Csányi, Phys. Rev. B 87, 184115 (2013)), as normalised vectors; their distance is Euclidean.
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
_TRIED, _SCALES = 400, 7  # environments and scales, where the scale has to be found
_CUTOFF = 2.6  # first-neighbour distances of the source; 4 Å for diamond
_SMEARING = 0.26  # first-neighbour distances; 0.4 Å for diamond
_RADIAL, _ANGULAR = 8, 6
_INSIDE = 0.95  # the part of the source's environments that its own region is drawn around


@dataclass(frozen=True)
class Environments:
    """Described environments of atoms.

    Attributes
    ----------
    vectors
        (N, D), normalised.
    structure
        (N,) the structure that each atom is in.
    """

    vectors: FloatArray
    structure: IntArray


@dataclass(frozen=True)
class Overlap:
    """How a target lies to a source.

    Attributes
    ----------
    source, unscaled, scaled
        Environments of the source; of the target as it is, and at the lengths of the source.
    reach
        A source's environment has, in 95 % of all cases, one of another structure of the source
        within this distance; the region of the source is all that is as near to it.
    share_unscaled, share_scaled
        Parts of the target's environments inside the source's region.
    scale
        By which the target's lengths were divided.
    names
        Of source and target: their files or datasets.
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
    """Find the part of the target's environments that the source knows.

    Parameters
    ----------
    source, target
        Labels are not looked at. Of large sets some structures are drawn.
    pairs
        (old, new): which of the source's elements stands for which of the target's.
    scale
        Of lengths, target / source; found if not given.

    Raises
    ------
    AlchemyError
        If an element of the target stands for none of the source.
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
    """Return the scale, between two guesses, that brings the target nearest to the source.

    Both guesses divide the target's first-neighbour distance: by that of the source, which is right
    for the same crystal, and by that of the old elements' crystals, for sets of different ones.
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
    """Return (N,) whether each of the target's environments is that near to one of the source."""
    result: BoolArray = _nearest(target.vectors, source.vectors) <= reach
    return result


def _reach(source: Environments) -> float:
    """Return the distance within which most environments have one of another structure."""
    if len(np.unique(source.structure)) < 2:
        raise DataError(
            "the source is one structure, which shows nothing of how far it reaches",
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
    """Return the distance of each normalised vector to the nearest of others."""
    cosines = (points @ others.T).max(axis=1)
    distances: FloatArray = np.sqrt(np.maximum(2 - 2 * cosines, 0.0))
    return distances


def _describe(
    structures: StructureSet,
    elements: tuple[str, ...],
    length: float,
    most: int = MOST_ENVIRONMENTS,
) -> Environments:
    """Describe the atoms of structures drawn until there are enough."""
    try:
        from dscribe.descriptors import SOAP
    except ImportError:
        raise DataError(
            "environments are described by DScribe, which is not installed",
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
