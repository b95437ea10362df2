"""Measure a dataset as large as C-SYNTH-23M: write, open, load, stream, pre-train.

    python -m tests.benchmarks dataset-large [--structures 115000] [--folder DIR]
        [--dtype float32] [--pretrain-steps 200] [--processes 2]

Rattled structures of 200 atoms, with two label sets. Prints seconds and memory: that of this
process, or for what starts others the largest sum over all of them.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets import Dataset, DatasetWriter
from hub.datasets.blocks import Block, Labels
from hub.datasets.layout import LabelSet
from hub.structures import StructureSet

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 200
AT_ONCE = 500
ARRAYS = [
    *(f"structures/{name}" for name in ("numbers", "positions", "cells", "pbc", "pointers")),
    *(f"labels/ace/{name}" for name in ("energies", "forces")),
]


def main() -> None:
    """Run all steps in one process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=115_000)
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64")
    parser.add_argument("--folder", type=Path, help="Keep the dataset here, or take that there.")
    parser.add_argument("--pretrain-steps", type=int, default=0, help="Pre-train so long.")
    parser.add_argument("--processes", type=int, default=1, help="That pre-train together.")
    parser.add_argument("--batch-size", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        if not (folder / "dataset.zarr").is_dir():
            write(folder, arguments.structures, arguments.dtype)
        if arguments.pretrain_steps:
            pretrain(folder, arguments.pretrain_steps, arguments.processes, arguments.batch_size)
        else:
            load(folder, arguments.structures)
            stream(folder, arguments.structures, arguments.batch_size)


def write(folder: Path, n_structures: int, dtype: str) -> None:
    """Write the dataset."""
    label_sets = {"ace": LabelSet(), "gap17": LabelSet()}
    with step("write"), DatasetWriter(folder, label_sets, dtype=dtype) as writer:
        for block in random_blocks(n_structures):
            writer.append(block)
        writer.finish()


def load(folder: Path, n_structures: int) -> None:
    """Open, load one label set beside what Zarr alone needs, and go through all structures once."""
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{n_structures} structures of {SIZE} atoms take {stored / 1e9:.2f} GB")
    with step("open"):
        dataset = Dataset(folder)
    ours, zarrs = [], []
    for _ in range(5):  # in turns, so that both see the same load of the machine
        began = time.perf_counter()
        structures = dataset.load("ace")
        loaded = time.perf_counter()
        decoded = [dataset.group[name][:] for name in ARRAYS]
        ours.append(loaded - began)
        zarrs.append(time.perf_counter() - loaded)
        del decoded
    ratio = statistics.median(ours) / statistics.median(zarrs)
    print(
        f"load one label set: {statistics.median(ours):.2f} s; Zarr alone "
        f"{statistics.median(zarrs):.2f} s; ratio {ratio:.2f}, peak {peak():.2f} GB"
    )
    seen = 0
    with step("a shuffled epoch in batches of 10"):
        for batch in structures.batches(10, seed=0):
            seen += len(batch.energies)
    if seen != n_structures:
        sys.exit(f"the epoch gave {seen} structures")


def stream(folder: Path, n_structures: int, batch_size: int) -> None:
    """Go through all structures once as a streamed pre-training does, without the model."""
    began = time.perf_counter()
    command = [sys.executable, "-c", STREAM, str(folder), str(batch_size)]
    highest, said = watched(command)
    seconds = time.perf_counter() - began
    print(f"{said.strip()} in {seconds:.0f} s, {n_structures / seconds:.0f} structures/s")
    print(f"stream: at most {highest:.2f} GB in all processes")


STREAM = """
import sys
import numpy as np
from pathlib import Path
from hub.datasets import Dataset
from hub.datasets.streaming import Stream
from hub.potentials.building import build_potential
from hub.potentials.architectures import new_config
from hub.training.loader import StreamLoader

if __name__ == "__main__":
    dataset = Dataset(Path(sys.argv[1]))
    potential = build_potential(new_config({"num_layers": 1}, ("C",), "the architecture"), seed=0)
    stream = Stream(dataset, "ace", np.arange(len(dataset)))
    batches = StreamLoader(stream, potential, 0).batches(0, int(sys.argv[2]))
    print(sum(len(part.sizes) for parts in batches for part in parts), "structures streamed")
"""


def pretrain(folder: Path, steps: int, processes: int, batch_size: int) -> None:
    """Pre-train with the default architecture, watching memory and the time spent on waiting."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-c",
            PRETRAIN,
            str(folder),
            scratch,
            str(steps),
            str(batch_size),
        ]
        if processes > 1:
            script = Path(scratch) / "pretrain.py"
            script.write_text(PRETRAIN)
            torchrun = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
            command = [sys.executable, *torchrun, str(script), *command[3:]]
        began = time.perf_counter()
        highest, said = watched(command)
        print(said.strip())
        print(f"{time.perf_counter() - began:.0f} s; at most {highest:.2f} GB in all processes")


PRETRAIN = """
import sys
from pathlib import Path
from hub.devices import keep_freed_memory
from hub.training.loop import Trainer
from hub.training.pretrain import start_pretraining
from hub.training.job import PretrainJob
from hub.training.process_group import process_group
from hub.training.reporter import Reporter

class Done(BaseException):
    pass

class Watch(Reporter):
    left = int(sys.argv[3])

    def step(self):
        self.left -= 1
        if not self.left:
            raise Done

if __name__ == "__main__":
    keep_freed_memory()
    trainers = []
    run = Trainer.run
    Trainer.run = lambda self, **hooks: (trainers.append(self), run(self, **hooks))
    job = PretrainJob(sys.argv[1], "ace", batch_size=int(sys.argv[4]), device="cpu")
    with process_group() as group:
        try:
            start_pretraining(job, Path(sys.argv[2]) / "run", Watch(), group)
        except Done:
            pass
        progress = trainers[0].progress
        waiting, seconds = progress.waiting, progress.seconds
        print(f"process {group.rank}: {progress.step} steps, {seconds / progress.step:.2f} s each, "
              f"waiting for data {waiting / seconds:.2%}", flush=True)
"""


def watched(command: list[str]) -> tuple[float, str]:
    """Run a program; return the largest memory of it and its children in GB, and what it says."""
    highest = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        while program.poll() is None:
            highest = max(highest, sum(map(resident, family(program.pid))) / 1e9)
            time.sleep(0.5)
        said = program.stdout.read() if program.stdout else ""
    if program.returncode:
        sys.exit(f"{command[0]} ended with {program.returncode}: {said}")
    return highest, said


def family(pid: int) -> list[int]:
    """Return a process and all that come from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in family(int(child)))]


def resident(pid: int) -> int:
    """Return the bytes of a process, shared ones divided among those that share them."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    (line,) = [line for line in rollup.splitlines() if line.startswith("Pss:")] or ["Pss: 0 kB"]
    return 1024 * int(line.split()[1])


def random_blocks(n_structures: int) -> Iterator[Block]:
    """Give blocks of rattled structures, of trajectories of 200 frames."""
    rng = np.random.default_rng(0)
    sites = 2.0 * np.stack(np.meshgrid(*[np.arange(6)] * 3), axis=-1).reshape(-1, 3)[:SIZE]
    for start in range(0, n_structures, AT_ONCE):
        count = min(AT_ONCE, n_structures - start)
        structures = StructureSet(
            numbers=np.full(count * SIZE, 6),
            positions=np.tile(sites, (count, 1)) + rng.normal(0, 0.1, (count * SIZE, 3)),
            cells=np.tile(np.eye(3) * 12.0, (count, 1, 1)),
            pbc=np.ones((count, 3), np.bool_),
            pointers=np.arange(count + 1) * SIZE,
            energies=np.full(count, np.nan),
            forces=np.full((count * SIZE, 3), np.nan),
            sources=("random",),
            source_index=np.zeros(count, np.int32),
            frame_index=np.arange(start, start + count),
            config_types=np.full(count, ""),
            split_labels=np.full(count, ""),
        )
        labels = {
            name: Labels(rng.normal(size=count), rng.normal(size=(count * SIZE, 3)))
            for name in ("ace", "gap17")
        }
        frames = np.arange(start, start + count)
        yield Block(structures, labels, {"time": frames % 200, "run_id": frames // 200})


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print how long a step took, and the peak memory so far."""
    started = time.perf_counter()
    yield
    print(f"{name}: {time.perf_counter() - started:.1f} s, peak {peak():.2f} GB", flush=True)


def peak() -> float:
    """Return the largest memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
