"""Measure relabelling against a bare loop of the same calculator, and two processes against one.

    python -m tests.benchmarks relabel-overhead [--teacher lcbop] [--params FILE]
        [--structures 2000] [--repeats 5]

Labels random distortions of a cell of 64 carbon atoms, in turn by a loop in one process, by one
worker and by two, and prints the medians of the ratios within each turn. The times are those of
labelling: programs and teachers have been started. The whole command is timed once besides. On a
busy machine only the ratio of CPU times says something.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

os.environ["OMP_NUM_THREADS"] = "1"

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.datasets import Dataset
    from hub.teachers.spec import TeacherSpec


def main() -> None:
    """Make a dataset, take turns, print ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", default="lcbop")
    parser.add_argument("--params")
    parser.add_argument("--structures", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HUB_HOME"] = scratch
        measure(Path(scratch), arguments)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """Print what one turn after the other took, and the medians of their ratios."""
    from hub.datasets import Dataset
    from hub.pulling import pull
    from hub.teachers.spec import parse_teacher

    spec = parse_teacher(arguments.teacher, arguments.params)
    write_dataset(folder, arguments.structures)
    dataset = Dataset(pull("cells"))
    overheads, in_cpu, speedups = [], [], []
    for turn in range(arguments.repeats):
        bare, bare_cpu = bare_loop(dataset, spec)
        one, one_cpu = by_workers(dataset, spec, folder / f"one-{turn}", 1)
        two, _ = by_workers(dataset, spec, folder / f"two-{turn}", 2)
        overheads.append(one / bare - 1)
        in_cpu.append(one_cpu / bare_cpu - 1)
        speedups.append(one / two)
        print(
            f"bare loop {bare:.2f} s (CPU {bare_cpu:.2f}), one worker {one:.2f} s "
            f"(CPU {one_cpu:.2f}), two {two:.2f} s; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    print(
        f"{arguments.teacher}, {arguments.structures} structures of 64 atoms: overhead "
        f"{statistics.median(overheads):.1%} (aim at most 5 %), in CPU time "
        f"{statistics.median(in_cpu):.1%}; two processes "
        f"{statistics.median(speedups):.2f} x one (aim at least 1.8)"
    )
    params = ["--params", arguments.params] if arguments.params else []
    command = [sys.executable, "-m", "hub.cli.main", "relabel", "cells", "--jobs", "1"]
    began = time.perf_counter()
    subprocess.run(
        [*command, "--teacher", arguments.teacher, *params, "--as", "new"],
        check=True,
        capture_output=True,
    )
    print(f"the whole command with one process: {time.perf_counter() - began:.2f} s")


def write_dataset(folder: Path, n_structures: int) -> None:
    """Import random distortions of diamond."""
    from ase.build import bulk
    from ase.io import write

    from hub.datasets.importing import file_source, import_dataset

    rng = np.random.default_rng(0)
    frames = []
    for _ in range(n_structures):
        atoms = bulk("C", cubic=True) * (2, 2, 2)
        atoms.set_cell(atoms.cell * rng.uniform(0.95, 1.2), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.15, size=(64, 3))
        frames.append(atoms)
    write(folder / "cells.extxyz", frames)
    import_dataset(file_source(folder / "cells.extxyz"), "cells")


def bare_loop(dataset: Dataset, spec: TeacherSpec) -> tuple[float, float]:
    """Return the seconds that a loop over structures in memory takes, and its CPU seconds."""
    from hub.teachers.teacher import open_teacher

    calculator = open_teacher(spec).calculator()
    frames = dataset.load("").to_ase()
    energies, forces = [], []
    began, cpu = time.perf_counter(), time.process_time()
    for atoms in frames:
        atoms.calc = calculator
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    return time.perf_counter() - began, time.process_time() - cpu


def by_workers(dataset: Dataset, spec: TeacherSpec, folder: Path, jobs: int) -> tuple[float, float]:
    """Return the seconds that workers take with everything that is kept, and all CPU seconds."""
    from hub.jobs.pool import LocalPool
    from hub.teachers.driver import Driver
    from hub.teachers.label_segments import LabelSegments
    from hub.teachers.labelling import describe_teacher

    with LocalPool(jobs) as workers:

        def of_each(function: Callable[..., Any], *arguments: Any) -> list[Any]:
            for _ in range(jobs):
                workers.submit(None, function, *arguments)
            return [workers.wait()[1] for _ in range(jobs)]

        described = of_each(describe_teacher, spec, ("C",))
        driver = Driver(dataset, LabelSegments(folder), spec, described[0].isolated_atoms)
        began, cpu = time.perf_counter(), time.process_time() + sum(of_each(time.process_time))
        driver.run(workers)
        seconds = time.perf_counter() - began
        return seconds, time.process_time() + sum(of_each(time.process_time)) - cpu


if __name__ == "__main__":
    main()
