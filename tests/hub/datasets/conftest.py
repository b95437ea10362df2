"""Small datasets in small shards."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from hub.datasets import layout
from hub.datasets.blocks import Block, Labels
from hub.datasets.layout import LabelSet
from hub.datasets.writer import DatasetWriter
from hub.structures import StructureSet

SHARD = 64
LABEL_SETS = {
    "ace": LabelSet("ACE", level_of_theory="DFT", reference_energies={"C": -1.5}),
    "lcbop": LabelSet("LCBOP"),
}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few structures fill several shards."""
    shrink(monkeypatch.setattr)


def shrink(put=setattr) -> None:
    put(layout, "CHUNK_ATOMS", SHARD // 4)
    put(layout, "SHARD_ATOMS", SHARD)
    put(layout, "CHUNK_STRUCTURES", 4)
    put(layout, "SHARD_STRUCTURES", 8)


def random_block(lengths: list[int], seed: int = 0, labels: tuple[str, ...] = ("ace", "lcbop")):
    """Return a block of random structures of so many atoms each."""
    rng = np.random.default_rng([seed, *lengths])
    n_structures, n_atoms = len(lengths), sum(lengths)
    structures = StructureSet(
        numbers=rng.integers(1, 90, n_atoms),
        positions=rng.normal(size=(n_atoms, 3)) * 10,
        cells=rng.normal(size=(n_structures, 3, 3)),
        pbc=rng.random((n_structures, 3)) < 0.5,
        pointers=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        energies=np.full(n_structures, np.nan),
        forces=np.full((n_atoms, 3), np.nan),
        sources=("random",),
        source_index=np.zeros(n_structures, np.int32),
        frame_index=np.arange(n_structures),
        config_types=rng.choice(["liquid", "amorphous", ""], n_structures).astype(np.str_),
        split_labels=rng.choice(["train", "test"], n_structures).astype(np.str_),
    )
    return Block(
        structures,
        {
            name: Labels(rng.normal(size=n_structures), rng.normal(size=(n_atoms, 3)))
            for name in labels
        },
        {"density": rng.random(n_structures) * 3, "time": np.arange(n_structures)},
        {"site": rng.normal(size=n_atoms)},
    )


def write(directory: Path, blocks: list[Block], **options: object) -> Path:
    """Write a dataset from blocks, and return its directory."""
    with DatasetWriter(directory, LABEL_SETS, **options) as writer:
        for block in blocks:
            writer.append(block)
        writer.finish()
    return directory


def three_blocks() -> list[Block]:
    """Return three blocks, 60 structures of 1 to 20 atoms."""
    rng = np.random.default_rng(1)
    return [random_block(rng.integers(1, 21, 20).tolist(), seed) for seed in range(3)]


@pytest.fixture
def blocks() -> list[Block]:
    """Three blocks, 60 structures of 1 to 20 atoms."""
    return three_blocks()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset made of `blocks`, not to be changed: writing many small shards takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch.setattr)
        return write(tmp_path_factory.mktemp("written") / "dataset", three_blocks())


@pytest.fixture
def directory(tmp_path: Path, written: Path) -> Path:
    """A dataset made of `blocks`."""
    return Path(shutil.copytree(written, tmp_path / "dataset"))
