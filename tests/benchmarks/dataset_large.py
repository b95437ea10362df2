"""Measure a dataset as large as C-SYNTH-23M: write, open, load one label set, a shuffled epoch.

    python tests/benchmarks/dataset_large.py [--structures 115000] [--folder DIR]

Random structures of 200 atoms, with two label sets. Prints seconds and the peak memory so far.
"""

from __future__ import annotations

import argparse
import resource
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


def main() -> None:
    """Run all steps in one process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=115_000)
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64")
    parser.add_argument("--folder", type=Path, help="Keep the dataset here.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run(arguments.folder or Path(scratch), arguments.structures, arguments.dtype)


def run(folder: Path, n_structures: int, dtype: str) -> None:
    """Write, open, load, and go through all structures once."""
    label_sets = {"ace": LabelSet(), "gap17": LabelSet()}
    with step("write"), DatasetWriter(folder, label_sets, dtype=dtype) as writer:
        for block in random_blocks(n_structures):
            writer.append(block)
        writer.finish()
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{n_structures} structures of {SIZE} atoms take {stored / 1e9:.2f} GB")
    with step("open"):
        dataset = Dataset(folder)
    with step("load one label set"):
        structures = dataset.load("ace")
    seen = 0
    with step("a shuffled epoch in batches of 10"):
        for batch in structures.batches(10, seed=0):
            seen += len(batch.energies)
    if seen != n_structures:
        sys.exit(f"the epoch gave {seen} structures")


def random_blocks(n_structures: int) -> Iterator[Block]:
    """Give blocks of random structures."""
    rng = np.random.default_rng(0)
    for start in range(0, n_structures, AT_ONCE):
        count = min(AT_ONCE, n_structures - start)
        structures = StructureSet(
            numbers=np.full(count * SIZE, 6),
            positions=rng.uniform(0, 12, (count * SIZE, 3)),
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
        yield Block(structures, labels, {"time": np.arange(start, start + count) % 200})


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print how long a step took, and the peak memory so far."""
    started = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{name}: {time.perf_counter() - started:.1f} s, peak {peak:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
