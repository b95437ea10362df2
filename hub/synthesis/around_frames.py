"""Structures made around given ones, as a source of a dataset without duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols

from hub.datasets.importing import Source
from hub.structures.identity import is_among, same_as_before
from hub.structures.stresses import to_voigt
from hub.structures.structure_set import StructureSet
from hub.synthesis.chains import PARENT, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.synthesis.chains import Neighbourhood

IS_PARENT = "is_parent"  # a column: whether a structure is one of the given ones


class Kept(NamedTuple):
    """A structure, and the number of the given one around which it was made."""

    parent: int
    frame: Frame


def distinct(
    found: Sequence[Neighbourhood], parents: StructureSet, test: StructureSet
) -> list[Kept]:
    """Return the structures that differ from all previous ones and from the test structures.

    Cells of one atom, for example, differ only by their strain.

    Parameters
    ----------
    found
        Structures around each given one.
    parents
        The given structures, in the same order.
    test
        The test structures.
    """
    every = [Kept(number, frame) for number, each in enumerate(found) for frame in each.frames]
    pbc = [parents.pbc[each.parent] for each in every]
    structures = StructureSet.from_atoms(
        [
            Atoms(each.frame.numbers, each.frame.positions, cell=each.frame.cell, pbc=repeats)
            for each, repeats in zip(every, pbc, strict=True)
        ]
    )
    first = same_as_before(structures) == np.arange(len(structures))
    usable = first & ~is_among(structures, test)
    return [each for each, keep in zip(every, usable.tolist(), strict=True) if keep]


def around_source(
    kept: Sequence[Kept],
    parents: StructureSet,
    isolated_atoms: Mapping[str, float],
    describe: Any,
) -> Source:
    """Return a source of labelled structures.

    Parameters
    ----------
    kept
        The structures.
    parents
        The given ones.
    isolated_atoms
        Energies in eV by chemical symbol, subtracted for each atom; empty for none.
    describe
        Description as JSON, which must be the same to resume.
    """
    n_chains = 1 + max(each.frame.chain for each in kept)

    def frames(after: Any) -> Iterator[tuple[Any, Atoms]]:
        start = 0 if after is None else after + 1
        for position in range(start, len(kept)):
            each = kept[position]
            run_id = each.parent * max(n_chains, 1) + max(each.frame.chain, 0)
            yield position, _atoms(each, parents, isolated_atoms, run_id)

    return Source(describe, "energy", "forces", frames)


def _atoms(
    kept: Kept, parents: StructureSet, isolated_atoms: Mapping[str, float], run_id: int
) -> Atoms:
    parent, frame = kept
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=parents.pbc[parent])
    atoms.info |= {
        "parent": parent,
        "chain": frame.chain,
        "step": frame.step,
        "run_id": run_id,
        IS_PARENT: frame.chain == PARENT,
    }
    if parents.config_types[parent]:
        atoms.info["config_type"] = str(parents.config_types[parent])
    symbols = [chemical_symbols[number] for number in frame.numbers]
    isolated = sum(isolated_atoms.get(symbol, 0.0) for symbol in symbols)
    labels: dict[str, Any] = {"energy": frame.energy - isolated, "forces": frame.forces}
    if np.isfinite(frame.stress).all():
        labels["stress"] = to_voigt(frame.stress)
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms
