"""What the program does with every potential: keep it, copy it, train it, compute with it."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.alchemy.models import transmute_model
from hub.alchemy.transmutation import Transmutation
from hub.errors import AlchemyError, HubError, TrainingError
from hub.potentials.architectures import (
    architecture,
    known_architectures,
    new_config,
    read_config,
    require_trainable,
)
from hub.potentials.ase_calculator import ModelCalculator
from hub.potentials.batches import collate
from hub.potentials.building import build_potential
from hub.potentials.directory import read_model, write_model
from hub.structures import StructureSet
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training.loader import GraphLoader
from hub.training.loop import Trainer
from hub.training.methods.full import Full
from hub.training.recipe import DEFAULT
from hub.training.steps import loss_of
from tests.conformance.potentials import (
    RIGID,
    SMALL,
    TRAINABLE,
    crystal,
    molecule,
    numbers,
    outputs,
)
from tests.mutations import mutated_json, outcome

RECIPE = DEFAULT.with_changes(learning_rate=0.01, batch_size=3, max_epochs=4, patience=0)


class Killed(Exception):
    """What stops a training in the middle."""


def test_every_architecture_is_in_the_suite():
    assert set(SMALL) == set(known_architectures()) - {"committee"}  # of others
    for name in SMALL:
        found = architecture(name)
        assert found.name == name
        assert found.title
        assert found.library
        assert isinstance(SMALL[name], found.config)
    assert sum(architecture(name).is_default for name in known_architectures()) == 1


def assert_equal(one, other, tolerance=0.0):
    atoms = crystal(one)
    found, expected = outputs(one, [atoms]), outputs(other, [atoms])
    for name in ("energies", "forces", "stresses", "atomic_energies", "features"):
        left, right = numbers(getattr(found, name)), numbers(getattr(expected, name))
        scale = max(1.0, np.abs(right).max())
        assert np.abs(left - right).max() <= tolerance * scale, name


def test_written_and_read_it_is_the_same(random_one, tmp_path):
    write_model(tmp_path, random_one)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json", "probe.json", "weights.safetensors",
    ]  # fmt: skip
    again = read_model(tmp_path, accelerated=False)
    assert again.config == random_one.config
    assert read_config(tmp_path) == random_one.config
    assert_equal(again, random_one)
    assert_equal(read_model(tmp_path), random_one, 1e-11)


def test_single_precision_is_near_double(random_one):
    single = build_potential(random_one.config, dtype=torch.float32)
    single.set_weights(random_one.weights(), "the other")
    assert (single.dtype, random_one.dtype) == (torch.float32, torch.float64)
    assert_equal(single.eval(), random_one, 2e-4)


def test_the_seed_decides_the_weights(random_one):
    config = random_one.config
    one, same, other = (build_potential(config, seed=seed).weights() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_building_leaves_the_settings_of_torch_alone(random_one):
    torch.manual_seed(5)
    expected = torch.rand(3)
    for before in (torch.float32, torch.float64):
        torch.set_default_dtype(before)
        try:
            torch.manual_seed(5)
            build_potential(random_one.config, seed=9)
            assert torch.get_default_dtype() == before
        finally:
            torch.set_default_dtype(torch.float32)
        assert torch.equal(torch.rand(3), expected)


def test_copies_and_pickles_compute_the_same(random_one):
    assert_equal(copy.deepcopy(random_one), random_one)
    assert_equal(pickle.loads(pickle.dumps(random_one)), random_one)


def test_two_threads_compute_the_same(random_one):
    atoms = [crystal(random_one, seed) for seed in range(6)]
    expected = [numbers(outputs(random_one, [each]).forces) for each in atoms]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda each: numbers(outputs(random_one, [each]).forces), atoms))
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() <= 1e-10 * max(1.0, np.abs(other).max())


def test_groups_hold_every_trainable_parameter_once(random_one):
    groups = random_one.parameter_groups()
    if random_one.config.architecture in TRAINABLE:
        assert {"embedding", "interaction-0", "readout"} <= set(groups)
    held = [id(each) for group in groups.values() for each in group]
    wanted = [id(each) for each in random_one.parameters() if each.requires_grad]
    assert sorted(held) == sorted(wanted)


def test_what_only_predicts_is_not_trained(random_one):
    config = random_one.config
    if config.architecture in TRAINABLE:
        require_trainable(config, "it")
        return
    with pytest.raises(TrainingError, match="it cannot be trained"):
        require_trainable(config, "it")
    with pytest.raises(TrainingError, match="cannot be trained"):
        new_config({"architecture": config.architecture}, ("C",), "m.json")


def test_the_calculator_gives_what_the_batch_gives(random_one):
    for atoms in (crystal(random_one), molecule(random_one)):
        atoms.calc = ModelCalculator(random_one)
        output = outputs(random_one, [atoms])
        assert atoms.get_potential_energy() == pytest.approx(
            float(output.energies.detach()), abs=1e-12
        )
        assert np.allclose(atoms.get_forces(), numbers(output.forces), rtol=0, atol=1e-12)
        if atoms.pbc.any():
            expected = numbers(output.stresses)[0]
            found = atoms.get_stress(voigt=False)
            assert np.allclose(found, expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))


def labelled(potential):
    """Return graphs of crystals that are labelled by a softer copy of the potential."""
    structures = []
    for seed in range(9):
        atoms = crystal(potential, seed)
        output = outputs(potential, [atoms])
        energy, forces = float(output.energies.detach()), numbers(output.forces)
        atoms.calc = SinglePointCalculator(atoms, energy=0.9 * energy, forces=0.9 * forces)
        structures.append(atoms)
    return build_graphs(
        NeighbourLists(StructureSet.from_atoms(structures), potential.cutoff), potential.elements
    )


@pytest.mark.usefixtures("trainable")
def test_weights_get_the_gradient_of_the_loss(fresh):
    """The loss holds forces, so that its gradient is a second derivative of the energy."""
    graphs = labelled(fresh)[:2]
    fresh.train()

    def loss():
        batch = collate(graphs)
        return loss_of(fresh(batch), batch, 1.0)

    parameters = [each for group in fresh.parameter_groups().values() for each in group[:1]]
    gradients = torch.autograd.grad(loss(), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        place = int(gradient.abs().argmax())
        step = 1e-4 * max(1.0, float(parameter.detach().abs().max()))
        ends = []
        for sign in (-1, 2):
            with torch.no_grad():
                parameter.view(-1)[place] += sign * step
            ends.append(float(loss().detach()))
        with torch.no_grad():
            parameter.view(-1)[place] -= step
        slope = (ends[1] - ends[0]) / (2 * step)
        assert slope == pytest.approx(float(gradient.view(-1)[place]), rel=1e-3, abs=1e-7)


def test_fine_tuning_lowers_the_loss_and_goes_on_after_a_kill(trainable, tmp_path):
    graphs = labelled(trainable)

    def start(folder):
        potential = build_potential(trainable.config, dtype=torch.float32).accelerate()
        potential.set_weights(trainable.weights(), "the start")
        folder.mkdir(exist_ok=True)
        loader = GraphLoader(graphs[:6], potential, seed=1)
        return Trainer(Full(potential), loader, graphs[6:], RECIPE, folder)

    whole = start(tmp_path / "whole")
    whole.run()
    losses = [row["loss"] for row in whole.progress.history]
    assert losses[-1] < 0.8 * losses[0]

    def kill(metrics):
        if metrics.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        start(tmp_path / "killed").run(on_epoch=kill)
    resumed = start(tmp_path / "killed")
    assert resumed.progress.epoch == 2
    resumed.run()
    for name, value in whole.potential.weights().items():
        assert torch.equal(resumed.potential.weights()[name], value), name


def test_it_is_scaled_exactly_or_says_that_it_cannot_be(random_one):
    first = random_one.elements[0]
    new = next(each for each in ("Si", "Ge") if each != first)
    transmutation = Transmutation(((first, new),), 1.4, 0.3)
    if random_one.config.architecture in RIGID:
        with pytest.raises(
            AlchemyError, match=f"{random_one.config.architecture} does not support scaling"
        ):
            transmute_model(random_one, transmutation)
        return
    made = transmute_model(random_one, transmutation)
    assert made.elements == (new,)
    assert made.cutoff == pytest.approx(1.4 * random_one.cutoff)
    atoms = crystal(random_one)
    atoms.symbols = [first] * len(atoms)
    image = atoms.copy()
    image.set_cell(1.4 * atoms.cell, scale_atoms=True)
    image.symbols = [new] * len(atoms)
    before, after = outputs(random_one, [atoms]), outputs(made, [image])
    assert np.allclose(numbers(after.energies), 0.3 * numbers(before.energies), rtol=1e-9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_any_configuration_is_read_or_refused(random_one, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("config")
    content = data.draw(mutated_json(json.loads(random_one.config.to_json())))
    (folder / "config.json").write_bytes(content)
    found = outcome(lambda: read_config(folder), HubError, folder / "config.json")
    assert found is None or json.loads(found.to_json()) == json.loads(content)
