"""Measure datasets against extxyz, NequIP's LMDB and np.memmap: bytes, speed and memory.

    python -m tests.benchmarks dataset-formats [--structures 20000] [--ragged] [--folder DIR]

Makes random structures of 200 carbon atoms (27 to 216 with `--ragged`), writes them in each format,
and prints ratios of one run: bytes on disk, decoding, random batches of 10, peak memory of an
import and of a partial read, and the time to pull one label set of five.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 10
N_BATCHES = 2000
N_LMDB_BATCHES = 100  # it is slow
FLAT = {
    "numbers": np.int64,
    "positions": np.float64,
    "forces": np.float64,
    "cells": np.float64,
    "energies": np.float64,
}
LABEL_SETS = ("one", "two", "three", "four", "five")


def main() -> None:
    """Run all measurements, each in its own process where memory counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=20_000)
    parser.add_argument("--ragged", action="store_true")
    parser.add_argument("--folder", type=Path, help="Keep the files here.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder, arguments.structures, ragged=arguments.ragged)


def measure(folder: Path, n_structures: int, *, ragged: bool) -> None:
    """Write all formats, then print what they cost."""
    written, _ = in_process(folder, "write_sources", n_structures=n_structures, ragged=ragged)
    n_atoms = written["atoms"]
    print(f"{n_structures} structures, {n_atoms} atoms{', ragged' if ragged else ''}")
    _, bare = in_process(folder, "import_modules")
    print(f"modules alone: peak {bare:.0f} MB")
    memmap, _ = in_process(folder, "read_memmap")
    lmdb, _ = in_process(folder, "read_lmdb")
    sizes = {name: disk_bytes(folder / name) for name in ("set.extxyz", "set.lmdb")}
    for dtype in ("float32", "float64"):
        imported, memory = in_process(folder, "import_files", dtype=dtype)
        size = imported["bytes"]
        print(f"{dtype}\n  import: {imported['seconds']:.1f} s, peak {memory:.0f} MB")
        print(
            f"  bytes per atom: {size / n_atoms:.1f}; {size / sizes['set.extxyz']:.3f} of extxyz "
            f"(aim 0.2), {size / sizes['set.lmdb']:.3f} of NequIP's LMDB (aim 0.33)"
        )
        loaded, _ = in_process(folder, "load", dtype=dtype)
        ours = loaded["per_second"]
        print(f"  decode: {loaded['megabytes'] / loaded['seconds']:.0f} MB/s of what is stored")
        print(
            f"  random batches of {BATCH}: {ours:.0f} structures/s; "
            f"{ours / memmap['per_second']:.2f} of np.memmap (aim 0.7), "
            f"{ours / lmdb['per_second']:.0f} of NequIP's LMDB (aim 20)"
        )
        partial, memory = in_process(folder, "load_some", dtype=dtype)
        print(f"  100 sampled structures: {partial['seconds']:.2f} s, peak {memory:.0f} MB")
    in_process(folder, "publish_five")
    one, _ = in_process(folder, "pull", home="home-one", labels=["three"])
    whole, _ = in_process(folder, "pull", home="home-all", labels=None)
    print(
        f"pull one label set of five: {one['seconds']:.2f} s, {one['moved'] / 1e6:.0f} MB moved; "
        f"all: {whole['seconds']:.2f} s, {whole['moved'] / 1e6:.0f} MB"
    )


def random_structures(n_structures: int, *, ragged: bool) -> Iterator[tuple[Any, ...]]:
    """Give positions (n, 3), cell, energy and forces (n, 3) of one structure after the other."""
    rng = np.random.default_rng(0)
    for _ in range(n_structures):
        size = int(rng.integers(27, 217)) if ragged else 200
        cell = (size * 8.0) ** (1 / 3)
        positions = rng.uniform(0, cell, (size, 3)).round(8)
        yield positions, cell, -8.0 * size + rng.normal(), rng.normal(size=(size, 3)).round(8)


def write_sources(folder: Path, *, n_structures: int, ragged: bool) -> dict[str, int]:
    """Write the extxyz file, NequIP's LMDB and the flat arrays; return the number of atoms."""
    n_atoms = 0
    sizes, flat = [], {name: (folder / f"{name}.raw").open("wb") for name in FLAT}
    with (folder / "set.extxyz").open("w") as text:
        for positions, cell, energy, forces in random_structures(n_structures, ragged=ragged):
            lattice = f"{cell} 0.0 0.0 0.0 {cell} 0.0 0.0 0.0 {cell}"
            text.write(
                f'{len(positions)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3:forces:R:3 '
                f'energy={energy} pbc="T T T"\n'
            )
            rows = np.hstack([positions, forces])
            lines = "C      " + " ".join(["%16.8f"] * 6) + "\n"
            text.write((lines * len(rows)) % tuple(rows.ravel().tolist()))
            flat["numbers"].write(np.full(len(positions), 6).tobytes())
            flat["positions"].write(positions.tobytes())
            flat["forces"].write(forces.tobytes())
            flat["cells"].write((np.eye(3) * cell).tobytes())
            flat["energies"].write(np.float64(energy).tobytes())
            sizes.append(len(positions))
            n_atoms += len(positions)
    for file in flat.values():
        file.close()
    np.save(folder / "sizes.npy", sizes)
    write_lmdb(folder, n_structures, ragged=ragged)
    return {"atoms": n_atoms}


def write_lmdb(folder: Path, n_structures: int, *, ragged: bool) -> None:
    """Write the structures as NequIP does."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from nequip.data.ase import from_ase
    from nequip.data.dataset import NequIPLMDBDataset

    def entries() -> Iterator[Any]:
        for positions, cell, energy, forces in random_structures(n_structures, ragged=ragged):
            atoms = Atoms("C" * len(positions), positions=positions, cell=[cell] * 3, pbc=True)
            atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
            yield from_ase(atoms)

    NequIPLMDBDataset.save_from_iterator(str(folder / "set.lmdb"), entries())


def import_modules(folder: Path) -> dict[str, float]:
    """Import what an import imports."""
    import_module("hub.datasets.importing")
    return {}


def import_files(folder: Path, *, dtype: str) -> dict[str, float]:
    """Import the extxyz file as a dataset."""
    from hub.datasets.importing import file_source, import_dataset

    with timer() as taken:
        imported = import_dataset(file_source(folder / "set.extxyz"), dtype, dtype=dtype)
    return {"bytes": disk_bytes(imported.version.path), **taken}


def load(folder: Path, *, dtype: str) -> dict[str, float]:
    """Decode everything to memory, then draw random batches."""
    from hub.datasets import Dataset
    from hub.pulling import pull as pull_version

    dataset = Dataset(pull_version(dtype))
    structures = dataset.load()  # so that modules are imported, and files in memory
    with timer() as taken:
        structures = dataset.load()
    values = structures.positions.size + structures.forces.size
    rate = batches_per_second(structures.batch, len(structures), N_BATCHES)
    return {"megabytes": values * np.dtype(dtype).itemsize / 1e6, "per_second": rate, **taken}


def read_memmap(folder: Path) -> dict[str, float]:
    """Draw the same batches from flat arrays on disk."""
    sizes = np.load(folder / "sizes.npy")
    pointers = np.concatenate([[0], np.cumsum(sizes)])
    flat = {name: np.memmap(folder / f"{name}.raw", dtype, "r") for name, dtype in FLAT.items()}
    per_atom = [flat["numbers"], *(flat[name].reshape(-1, 3) for name in ("positions", "forces"))]
    per_structure = [flat["cells"].reshape(-1, 3, 3), flat["energies"]]

    def batch(indices: np.ndarray) -> list[np.ndarray]:
        own = [slice(*pointers[index : index + 2].tolist()) for index in indices.tolist()]
        gathered = [np.concatenate([array[each] for each in own]) for array in per_atom]
        return gathered + [array[indices] for array in per_structure]

    batches_per_second(batch, len(sizes), N_BATCHES)  # so that the pages are in memory
    return {"per_second": batches_per_second(batch, len(sizes), N_BATCHES)}


def read_lmdb(folder: Path) -> dict[str, float]:
    """Draw the same batches from NequIP's LMDB."""
    from nequip.data import AtomicDataDict
    from nequip.data.dataset import NequIPLMDBDataset

    dataset = NequIPLMDBDataset(str(folder / "set.lmdb"))

    def batch(indices: np.ndarray) -> Any:
        return AtomicDataDict.batched_from_list(dataset.__getitems__(indices.tolist()))

    batches_per_second(batch, len(dataset), N_LMDB_BATCHES)
    return {"per_second": batches_per_second(batch, len(dataset), N_LMDB_BATCHES)}


def load_some(folder: Path, *, dtype: str) -> dict[str, float]:
    """Load 100 structures."""
    import hub

    with timer() as taken:
        hub.load_dataset(dtype, sample=100)
    return dict(taken)


def publish_five(folder: Path) -> dict[str, float]:
    """Publish the structures with five label sets into a registry beside."""
    from dataclasses import replace

    from hub.datasets import Dataset, DatasetWriter
    from hub.datasets.card import summarise
    from hub.datasets.layout import LabelSet
    from hub.library import catalogue
    from hub.pulling import pull as pull_version
    from registry.publishing import publish

    source, target = Dataset(pull_version("float32")), folder / "five"
    rng = np.random.default_rng(0)
    label_sets = {name: LabelSet() for name in LABEL_SETS}
    with DatasetWriter(target, label_sets, dtype="float32") as writer:
        for block in source.blocks():
            (labels,) = block.labels.values()
            scattered = {
                name: replace(labels, forces=labels.forces + rng.normal(size=labels.forces.shape))
                for name in LABEL_SETS
            }
            writer.append(replace(block, labels=scattered))
        writer.finish()
    metadata = {"dataset": summarise(Dataset(target))}
    registry = str(folder / "registry")
    publish(catalogue(), target, "five", "1.0.0", kind="dataset", metadata=metadata, to=registry)
    return {}


def pull(folder: Path, *, home: str, labels: list[str] | None) -> dict[str, float]:
    """Pull some of the five label sets, or all, into an empty cache."""
    os.environ["HUB_HOME"] = str(folder / home)
    from hub.datasets.pulling import pull_dataset
    from hub.settings import store_registries

    store_registries({"bench": str(folder / "registry")})
    with timer() as taken:
        pulled = pull_dataset("five", labels=labels)
    return {"moved": pulled.moved, **taken}


def in_process(folder: Path, step: str, **arguments: Any) -> tuple[dict[str, Any], float]:
    """Run a function of this file in a process of its own; return its result, and its peak in MB.

    A child's peak starts at the size of its parent, so that this process imports next to nothing.
    """
    environment = os.environ | {"HUB_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    code = (
        f"import sys, json, pathlib; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
        f"import {Path(__file__).stem} as steps; "
        f"print(json.dumps(steps.{step}(pathlib.Path({str(folder)!r}), **{arguments!r})))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        answer = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"the step {step} failed")
    return json.loads(answer), usage.ru_maxrss / 1000


def batches_per_second(batch: Any, n_structures: int, n_batches: int) -> float:
    """Return the structures a second in shuffled batches."""
    order = np.random.default_rng(0).permutation(n_structures)
    starts = [start % (n_structures - BATCH + 1) for start in range(0, n_batches * BATCH, BATCH)]
    with timer() as taken:
        for start in starts:
            batch(order[start : start + BATCH])
    return n_batches * BATCH / taken["seconds"]


@contextmanager
def timer() -> Iterator[dict[str, float]]:
    """Give a dictionary that has the wall time in ``seconds`` at the end of the block."""
    taken: dict[str, float] = {}
    started = time.perf_counter()
    yield taken
    taken["seconds"] = time.perf_counter() - started


def disk_bytes(path: Path) -> int:
    """Return what a file, or all files in a directory, take on disk; LMDB's are mostly holes."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(min(file.stat().st_size, 512 * file.stat().st_blocks) for file in files)


if __name__ == "__main__":
    main()
