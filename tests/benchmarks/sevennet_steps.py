"""Time SevenNet-0 computed by compiled kernels against sevenn's network: steps, memory.

    python -m tests.benchmarks sevennet-steps [--structures 5] [--repeats 3]

One thread, float32, CPU seconds of calls in turns, medians. A training step is the loss of
energies and forces and its gradients for rattled cells of 54 Mo atoms; an evaluation predicts the
same cells. Memory is the growth of the largest resident size of a fresh process in two of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from ase.build import bulk
from safetensors.torch import load_file

from hub.potentials.architectures import read_config
from hub.potentials.building import build_accelerated, build_potential
from hub.potentials.directory import WEIGHTS_NAME
from hub.pulling import pull
from tests.benchmarks.network import KINDS, batch, step
from tests.benchmarks.timing import growth, in_turns, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.potentials.batches import LabelledBatch

TASKS: dict[str, Callable[[Any, LabelledBatch], Any]] = {
    "training step": step,
    "evaluation": lambda model, labelled: model.eval()(labelled),
}


def network(kind: str) -> Any:
    """Build a network without predicting anything, which would leave memory to be used again."""
    path = pull("sevennet-0")
    build = {"stock": build_potential, "compiled": build_accelerated}[kind]
    model = build(read_config(path), dtype=torch.float32)
    model.set_weights(load_file(path / WEIGHTS_NAME), str(path))
    return model


def cells(model: Any, structures: int) -> LabelledBatch:
    """Return rattled cells with made-up labels."""
    found = []
    for seed in range(structures):
        atoms = bulk("Mo", cubic=True).repeat(3)
        atoms.rattle(0.1, seed=seed)
        found.append(atoms)
    return batch(model, found)


def measure_memory(kind: str, task: str, structures: int) -> None:
    """Print the growth of the memory in two calls, MiB."""
    model = network(kind)
    labelled = cells(model, structures)
    print(growth(lambda: [TASKS[task](model, labelled) for _ in range(2)]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.memory_of:
        measure_memory(*given.memory_of, given.structures)
        return
    models = {kind: network(kind) for kind in KINDS}
    labelled = cells(models["compiled"], given.structures)
    size = f"{given.structures} x 54 atoms"
    command = [sys.executable, "-m", __spec__.name, "--structures", str(given.structures)]
    for task, function in TASKS.items():
        calls = {kind: partial(function, each, labelled) for kind, each in models.items()}
        report(f"{task}, {size}", in_turns(calls, given.repeats))
    for task in TASKS:
        grown = {}
        for kind in KINDS:
            options = ["--memory-of", kind, task]
            done = subprocess.run([*command, *options], check=True, capture_output=True)
            grown[kind] = float(done.stdout)
        print(
            f"memory of {task}, {size}: stock {grown['stock']:.0f} MiB, compiled "
            f"{grown['compiled']:.0f} MiB ({grown['compiled'] / grown['stock']:.3f}x)",
            flush=True,
        )


if __name__ == "__main__":
    main()
