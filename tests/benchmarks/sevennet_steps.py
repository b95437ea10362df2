"""Compare SevenNet-0 computed by compiled kernels with sevenn's own network: time and memory.

    python -m tests.benchmarks sevennet-steps --structures 5 --repeats 3

Each measurement is a process of its own with one thread, in float32: a training step (energies,
forces, stresses, their gradients) and an evaluation of cells of 54 Mo atoms. The time is the median
CPU time of the steps after the first; the memory is by how much the process grew at most, without
imports and weights. Medians of the repeats and the ratios are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from statistics import median

NETWORKS = {"sevenn": False, "compiled": True}
TASKS = ("train", "evaluate")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("NETWORK", "TASK"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(*given.one, given.structures, given.steps)))
        return
    for task in TASKS:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in NETWORKS}
        for _ in range(given.repeats):
            for name in NETWORKS:
                found[name].append(in_a_process(name, task, given.structures, given.steps))
        columns = {name: list(zip(*rows, strict=True)) for name, rows in found.items()}
        for place, unit in enumerate(("CPU s", "MiB")):
            ours, theirs = (median(columns[name][place]) for name in ("compiled", "sevenn"))
            print(
                f"{task}: sevenn {theirs:.3f} {unit}, compiled {ours:.3f} {unit}, "
                f"ratio {ours / theirs:.3f}",
                flush=True,
            )


def in_a_process(name: str, task: str, structures: int, steps: int) -> tuple[float, float]:
    """Measure in a fresh process; return the CPU seconds of a step and the memory in MiB."""
    options = ("--one", name, task, "--structures", str(structures), "--steps", str(steps))
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.sevennet_steps", *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def measure(name: str, task: str, structures: int, steps: int) -> tuple[float, float]:
    """Return the CPU seconds of a step and the memory in MiB."""
    import torch
    from ase.build import bulk
    from safetensors.torch import load_file

    from hub.potentials.architectures import read_config
    from hub.potentials.batches import collate
    from hub.potentials.building import build_accelerated, build_potential
    from hub.pulling import pull
    from hub.structures.graphs import build_graph

    path = pull("sevennet-0")
    build = build_accelerated if NETWORKS[name] else build_potential
    potential = build(read_config(path), dtype=torch.float32)
    potential.set_weights(load_file(path / "weights.safetensors"), str(path))
    potential.train(task == "train")
    graphs = []
    for seed in range(structures):
        atoms = bulk("Mo", cubic=True).repeat(3)
        atoms.rattle(0.1, seed=seed)
        graphs.append(build_graph(atoms, potential.elements, potential.cutoff))
    batch = collate(graphs)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(1 + steps):
        start = time.process_time()
        output = potential(batch)
        if task == "train":
            loss = output.energies.sum() + output.forces.square().sum()
            (loss + output.stresses.square().sum()).backward()
            potential.zero_grad()
        del output
        times.append(time.process_time() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return median(times[1:]), grown / 1024


if __name__ == "__main__":
    main()
