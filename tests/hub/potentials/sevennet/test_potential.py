"""What is particular to SevenNet; the conformance suite tests what every potential must do."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import e3nn
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from hub.potentials.batches import collate
from hub.potentials.building import build_potential
from hub.potentials.sevennet import SevenNetConfig, weights_of
from hub.structures.graphs import build_graph
from tests.conformance.potentials import crystal, molecule, outputs

SMALL = SevenNetConfig(
    ("Cl", "Na"), 3.5, 12.0, "nothing", num_layers=2, channels=(6, 4, 2), num_bessels=4,
    radial_mlp_width=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def small():
    """A potential with random weights; not to be changed."""
    return build_potential(SMALL).eval()


def batch_of(potential, *structures):
    graphs = [build_graph(atoms, potential.elements, potential.cutoff) for atoms in structures]
    return collate(graphs)


def test_the_batch_is_left_as_it_was(small):
    batch = batch_of(small, crystal(small), molecule(small))
    values = {each.name: getattr(batch, each.name) for each in dataclasses.fields(batch)}
    names = values.pop("names")
    assert values.pop("half") is None  # the pairs were not looked for
    before = {name: value.clone() for name, value in values.items()}
    small(batch)
    assert (batch.names, batch.half) == (names, None)
    for name, value in before.items():
        found = getattr(batch, name)
        # Of labels there are none: NaN, which is to stay.
        assert torch.equal(found.isnan(), value.isnan()), name
        assert torch.equal(found.nan_to_num(), value.nan_to_num()), name
        assert not found.requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_default_precision_decides_nothing(small, dtype):
    """NequIP makes it float64, users may make it either."""
    structures = [crystal(small), molecule(small), Atoms("Na")]
    expected = build_potential(SMALL, dtype=dtype).eval()
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        found = build_potential(SMALL, dtype=dtype).eval()
        one, other = outputs(found, structures), outputs(expected, structures)
    finally:
        torch.set_default_dtype(before)
    for name in ("energies", "forces", "stresses", "features"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert one.features.dtype == found.dtype == dtype
    assert {one.energies.dtype, one.forces.dtype, one.stresses.dtype} == {torch.float64}


def test_it_is_copied_whatever_e3nn_is_set_to():
    """NequIP leaves e3nn in a state in which its modules cannot be copied."""
    before = e3nn.get_optimization_defaults()["jit_mode"]
    e3nn.set_optimization_defaults(jit_mode="script")
    try:
        potential = build_potential(SMALL)
        assert e3nn.get_optimization_defaults()["jit_mode"] == "script"
    finally:
        e3nn.set_optimization_defaults(jit_mode=before)
    atoms = crystal(potential)
    energy = outputs(potential, [atoms]).energies
    for other in (copy.deepcopy(potential), pickle.loads(pickle.dumps(potential))):
        assert torch.equal(outputs(other, [atoms]).energies, energy)


def test_large_shifts_do_not_cost_digits():
    """All-electron energies are tens of thousands of eV, of which float32 would keep meV."""
    potential = build_potential(SMALL, dtype=torch.float32).eval()
    atoms = bulk("NaCl", "rocksalt", a=5.6)
    base = outputs(potential, [atoms]).energies
    shifts = {"Na": -4412.123456789, "Cl": -12531.987654321}
    potential.set_energy_shifts(shifts)
    assert potential.energy_shifts() == shifts
    shifted = outputs(potential, [atoms]).energies
    assert float((shifted - base).detach()) == pytest.approx(sum(shifts.values()), abs=1e-9)


def test_frozen_parameters_still_give_forces(small):
    frozen = copy.deepcopy(small).requires_grad_(requires_grad=False)
    for atoms in (crystal(small), Atoms("Na")):
        one, other = outputs(frozen, [atoms]), outputs(small, [atoms])
        assert torch.equal(one.forces, other.forces)


def test_without_a_volume_there_is_no_stress(small):
    ribbon = Atoms("NaCl", [[0, 0, 0], [1.5, 1, 0]], cell=[3, 0, 0], pbc=[True, False, False])
    small_again = copy.deepcopy(small).train()
    output = outputs(small_again, [molecule(small), ribbon, crystal(small)])
    assert not output.stresses[:2].any()
    assert output.stresses[2].abs().max() > 0
    (output.stresses**2).sum().backward()
    assert all(each.grad.isfinite().all() for each in small_again.parameters())


@pytest.mark.parametrize(
    "changes",
    [
        {"type_names": ("Na",)},
        {"num_layers": 1},
        {"channels": (5,)},
        {"channels": (2, 3, 2, 1), "radial_mlp_depth": 1},
        {"xplor_start": 3.0, "num_bessels": 1},
    ],
)
def test_every_setting_builds_and_has_no_more_weights_than_foreseen(changes):
    config = SMALL.with_changes(**changes)
    potential = build_potential(config).eval()
    output = outputs(potential, [crystal(potential)])
    assert output.features.shape == (8, config.channels[0])
    assert output.forces.abs().max() > 0
    count = sum(each.numel() for each in potential.parameters())
    assert count <= weights_of(config)


def test_the_cutoff_function_is_the_one_that_is_asked_for():
    """Beyond its start, XPLOR's brings interactions down faster than the polynomial."""
    dimer = Atoms("NaCl", [[0, 0, 0], [0, 0, 3.45]])
    energies = []
    for changes in ({}, {"polynomial_cutoff_p": 12}, {"xplor_start": 3.0}):
        potential = build_potential(SMALL.with_changes(**changes))
        energies.append(float(outputs(potential, [dimer]).energies.detach()))
    assert len(set(energies)) == 3
