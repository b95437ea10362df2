"""Time compiled networks against NequIP's own modules: training steps, evaluation, memory.

    python -m tests.benchmarks network [--model c-ace-pretrained] [--repeats 9]

One thread, float32, CPU seconds of calls in turns, medians. A training step is the loss of
energies and forces and its gradients for five amorphous structures of 60 to 80 carbon atoms. The
second network has l_max 2, 64 channels and three elements. Memory is the growth of the largest
resident size of a fresh process while it takes three steps.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from ase.build import bulk

from hub.library import open_model
from hub.potentials.architectures import read_config
from hub.potentials.batches import collate
from hub.potentials.building import build_accelerated, build_potential
from hub.potentials.loading import load_model
from hub.potentials.nequip.stock import StockConfig
from hub.structures.graphs import build_graph
from hub.training.steps import loss_of
from tests.benchmarks.timing import growth, in_turns, report

if TYPE_CHECKING:
    from ase import Atoms

    from hub.potentials.batches import LabelledBatch
    from hub.potentials.nequip.potential import NequIPPotential

LARGE = StockConfig(("H", "C", "O"), 4.0, 15.0, "", num_features=64, l_max=2)
KINDS = ("stock", "compiled")


def crystal(repeats: tuple[int, int, int], seed: int, lattice: float = 3.57) -> Atoms:
    """Return a diamond crystal with displaced atoms."""
    atoms = bulk("C", "diamond", a=lattice, cubic=True) * repeats
    atoms.positions += np.random.default_rng(seed).normal(scale=0.1, size=atoms.positions.shape)
    return atoms


def batch(model: NequIPPotential, structures: list[Atoms]) -> LabelledBatch:
    """Return structures with made-up labels."""
    graphs = []
    for atoms in structures:
        graph = build_graph(atoms, model.elements, model.cutoff)
        forces = torch.zeros(len(atoms), 3, dtype=torch.float64)
        energy = torch.tensor(-7.0 * len(atoms), dtype=torch.float64)
        graphs.append(replace(graph, energy=energy, forces=forces))
    return collate(graphs)


def step(model: NequIPPotential, labelled: LabelledBatch) -> None:
    """Form the gradients of one training step."""
    model.train()
    model.zero_grad()
    loss_of(model(labelled), labelled, energy_weight=40.0).backward()


def networks(model: NequIPPotential) -> dict[str, NequIPPotential]:
    """Return NequIP's network and the compiled one, with the same weights."""
    stock = build_potential(model.config, dtype=torch.float32)
    compiled = build_potential(model.config, dtype=torch.float32).accelerate()
    for each in (stock, compiled):
        each.set_weights(model.weights(), "the model")
    return dict(zip(KINDS, (stock, compiled), strict=True))


def mixed(seed: int) -> Atoms:
    """Return 40 atoms of three elements."""
    atoms = crystal((2, 2, 2), seed, 4.2)[:40]
    atoms.numbers = np.random.default_rng(seed).choice([1, 6, 8], 40)
    return atoms


def measure_memory(kind: str, name: str) -> None:
    """Print the growth of the memory in three steps, MiB."""
    # Nothing is predicted before, which would leave memory that the steps use again.
    config = read_config(open_model(name).path)
    if kind == "stock":
        model = build_potential(config, dtype=torch.float32)
    else:
        model = build_accelerated(config, dtype=torch.float32, seed=0)
    labelled = batch(model, [crystal((2, 2, 2), seed) for seed in range(5)])
    print(growth(lambda: [step(model, labelled) for _ in range(3)]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="c-ace-pretrained")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--memory-of", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.memory_of:
        measure_memory(given.memory_of, given.model)
        return
    models = networks(load_model(given.model, dtype="float32"))
    labelled = batch(models["stock"], [crystal((2, 2, 2), seed) for seed in range(5)])
    steps = {kind: partial(step, each, labelled) for kind, each in models.items()}
    report("training step, 5 x 64 atoms", in_turns(steps, given.repeats))
    for repeats in ((2, 2, 2), (5, 5, 5)):
        structure = batch(models["stock"], [crystal(repeats, 0)])
        calls = {kind: partial(each.eval(), structure) for kind, each in models.items()}
        report(f"evaluation, {len(structure.types)} atoms", in_turns(calls, given.repeats))
    large = networks(build_potential(LARGE, dtype=torch.float32))
    labelled = batch(large["stock"], [mixed(seed) for seed in range(2)])
    steps = {kind: partial(step, each, labelled) for kind, each in large.items()}
    report("training step, l_max 2, 64 channels, three elements", in_turns(steps, 3))
    command = [sys.executable, "-m", __spec__.name, "--model", given.model, "--memory-of"]
    grown = {
        kind: float(subprocess.run([*command, kind], check=True, capture_output=True).stdout)
        for kind in KINDS
    }
    print(
        f"memory of training steps: stock {grown['stock']:.0f} MiB, compiled "
        f"{grown['compiled']:.0f} MiB ({grown['compiled'] / grown['stock']:.3f}x)"
    )


if __name__ == "__main__":
    main()
