"""Small sets of argon and copper, and models small enough to train in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from hub.potentials.building import build_accelerated
from hub.potentials.nequip.onehot import OneHotConfig
from hub.structures import StructureSet
from hub.structures.graphs import average_neighbors, build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.training.loader import GraphLoader
from hub.training.loop import Trainer
from hub.training.methods.full import Full
from hub.training.recipe import PAPER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.potentials.potential import Potential
    from hub.structures.graphs import Graph

TINY = {"num_layers": 2, "num_features": 4, "num_bessels": 4}
RECIPE = PAPER.with_changes(batch_size=3, max_epochs=4, min_delta=0.0)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Equal to the last bit only on one thread; and there are few cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def argon(count: int, seed: int = 0) -> list[Atoms]:
    """Return crystals of 4 rattled argon atoms, labelled by a Lennard-Jones potential."""
    rng = np.random.default_rng(seed)
    corners = [[0, 0, 0], [0, 2.6, 2.6], [2.6, 0, 2.6], [2.6, 2.6, 0]]
    crystals = []
    for _ in range(count):
        atoms = Atoms("Ar4", corners, cell=[5.2] * 3, pbc=True)
        atoms.rattle(0.2, rng=rng)
        crystals.append(labelled(atoms, LennardJones(sigma=3.4, epsilon=0.0104, rc=5.0)))
    return crystals


def alloy(count: int, seed: int = 0) -> list[Atoms]:
    """Return rattled crystals of copper and gold in several compositions, labelled by EMT."""
    rng = np.random.default_rng(seed)
    crystals = []
    for number in range(count):
        atoms = bulk("Cu", cubic=True, a=3.8)
        atoms.symbols[: number % 4] = "Au"
        atoms.rattle(0.1, rng=rng)
        crystals.append(labelled(atoms, EMT()))
    return crystals


def labelled(atoms: Atoms, potential: object) -> Atoms:
    """Give a structure the labels of a potential."""
    atoms.calc = potential
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def write_data(path: Path, frames: Sequence[Atoms]) -> Path:
    """Write structures and their labels."""
    write(path, list(frames), format="extxyz")
    return path


def tiny_model(graphs: Sequence[Graph], seed: int = 0) -> Potential:
    """Return a model of argon with random weights."""
    config = OneHotConfig(("Ar",), 4.0, average_neighbors(graphs), "test", **TINY)
    return build_accelerated(config, seed=seed, dtype=torch.float32)


@pytest.fixture(scope="session")
def graphs() -> list[Graph]:
    """Eight argon crystals with labels."""
    return build_graphs(NeighbourLists(StructureSet.from_atoms(argon(8)), 4.0), ["Ar"])


@pytest.fixture
def start(graphs, tmp_path):
    """Return a function that makes a trainer; each call is a new process's."""

    def make(recipe=RECIPE, folder=tmp_path, seed=0, training=graphs[:6], validation=graphs[6:]):
        potential = tiny_model(graphs)
        loader = GraphLoader(training, potential, seed)
        return Trainer(Full(potential), loader, validation, recipe, folder)

    return make


def history(trainer: Trainer) -> list[dict[str, float]]:
    """Return the metrics without the times."""
    left_out = {"seconds", "waiting", "stress_rmse"}  # the last is NaN, which equals nothing
    return [
        {name: value for name, value in row.items() if name not in left_out}
        for row in trainer.progress.history
    ]


def same_weights(one: Trainer, other: Trainer) -> bool:
    ours, theirs = one.potential.weights(), other.potential.weights()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)
