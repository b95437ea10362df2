"""Probe structures: few for few elements, not many more for many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase.data import chemical_symbols

from hub.potentials.probe import predict_probe, probe_structures
from tests.hub.potentials.small import SMALL, random_model


def test_few_elements_all_make_pairs():
    structures = probe_structures(("C", "H", "O"))
    pairs = {tuple(atoms.symbols) for atoms in structures if len(atoms) == 2}
    assert pairs == set(itertools.combinations_with_replacement(("C", "H", "O"), 2))
    assert [len(atoms) for atoms in structures] == [1] * 3 + [2] * 6 + [8] * 2


def test_structures_of_few_elements_are_those_of_older_releases():
    """Models that were written have predictions for them."""
    structures = probe_structures(("C", "H", "O"))
    distances = [atoms.positions[1, 2] for atoms in structures[3:9]]
    assert distances == [1.444, 1.016, 1.349, 0.589, 0.922, 1.254]
    strained = structures[-1]
    assert strained.positions[0].tolist() == [0.232836, 0.135167, 0.045751]
    assert strained.cell.array[1].tolist() == [-0.006036, 2.829494, 0.184973]


@pytest.mark.parametrize("count", [9, 17, 89, 118])
def test_of_many_elements_each_has_neighbours(count):
    elements = chemical_symbols[1 : count + 1]
    structures = probe_structures(elements)
    for size in (1, 2, 8):
        chosen = [set(atoms.symbols) for atoms in structures if len(atoms) == size]
        assert set.union(*chosen) == set(elements)
    assert len(structures) <= 2 * count + count // 8 + 1
    for atoms in structures:
        if len(atoms) == 8:
            distances = atoms.get_all_distances(mic=True)[np.triu_indices(8, 1)]
            assert distances.min() > 1.8


def test_many_at_once_are_predicted_as_one_by_one():
    model = random_model().train()
    structures = probe_structures(SMALL.type_names)
    together = predict_probe(model, structures)
    assert model.training
    for index, atoms in enumerate(structures):
        alone = predict_probe(model, [atoms])
        assert together.energies[index] == pytest.approx(alone.energies[0], abs=1e-12)
        assert np.allclose(together.forces[index], alone.forces[0], rtol=0, atol=1e-12)
