"""A loaded dataset as a sequence, and in torch's DataLoader."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from hub.datasets.dataset import Dataset
from hub.datasets.loaded import LoadedStructures


@pytest.fixture
def loaded(directory) -> LoadedStructures:
    return Dataset(directory).load("ace")


def test_indices_count_from_both_ends(loaded):
    assert len(loaded) == 60
    first, last = loaded[0], loaded[-1]
    assert last["energy"] == loaded[59]["energy"] == loaded.energies[59]
    np.testing.assert_array_equal(first["positions"], loaded.positions[loaded.atoms_of(0)])
    assert first["density"] == loaded.structure_extras["density"][0]
    np.testing.assert_array_equal(last["site"], loaded.atom_extras["site"][loaded.atoms_of(59)])
    for index in (60, -61):
        with pytest.raises(IndexError):
            loaded[index]
        with pytest.raises(IndexError):
            loaded.to_atoms(index)
    assert sum(1 for _ in loaded) == 60
    first["positions"][:] = 0.0
    assert loaded[0]["positions"].any()


def test_slices_and_lists_give_sets(loaded):
    for chosen, expected in (
        (slice(-3, None), [57, 58, 59]),
        (slice(10, 2, -4), [10, 6]),
        ([3, -1], [3, 59]),
        (np.arange(60) == 5, [5]),
        (slice(0, 0), []),
    ):
        part = loaded[chosen]
        assert isinstance(part, LoadedStructures)
        assert part.frame_index.tolist() == expected
    with pytest.raises(IndexError):
        loaded[[60]]


def test_the_last_structure_for_ase(loaded):
    last = loaded.to_atoms(-1)
    assert len(last) == loaded.n_atoms[-1]
    assert last.get_potential_energy() == loaded.energies[-1]
    np.testing.assert_array_equal(last.positions, loaded.to_ase()[59].positions)


@pytest.mark.parametrize("workers", [0, 2])
def test_torch_loads_batches(loaded, workers):
    batches = list(DataLoader(loaded, batch_size=7, num_workers=workers))
    assert [len(batch["energy"]) for batch in batches] == [7] * 8 + [4]
    energies = torch.cat([batch["energy"] for batch in batches])
    forces = torch.cat([batch["forces"] for batch in batches])
    assert energies.dtype == forces.dtype == torch.float64
    np.testing.assert_array_equal(energies, loaded.energies)
    np.testing.assert_array_equal(forces, loaded.forces)
    second = batches[1]
    np.testing.assert_array_equal(second["pointers"], loaded.pointers[7:15] - loaded.pointers[7])
    np.testing.assert_array_equal(second["cell"], loaded.cells[7:14])
    assert second["config_type"] == loaded.config_types[7:14].tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_torch_loads_single_structures(loaded, workers):
    rows = list(DataLoader(loaded, batch_size=None, num_workers=workers))
    assert len(rows) == 60
    np.testing.assert_array_equal(rows[-1]["numbers"], loaded[-1]["numbers"])
    lists = DataLoader(loaded, batch_size=2, num_workers=workers, collate_fn=list)
    assert [len(each) for each in lists] == [2] * 30
