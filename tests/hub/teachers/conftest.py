"""Datasets of clusters that are told apart by their size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from hub.datasets.importing import file_source, import_dataset
from hub.teachers.spec import TeacherSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MOODY = "ase:tests.hub.teachers.moody.Moody"


def moody(**options: object) -> TeacherSpec:
    return TeacherSpec(MOODY, options=options)


def cluster(size: int, symbol: str = "Ar") -> Atoms:
    """Return a chain of atoms that all feel a force."""
    positions = np.zeros((size, 3))
    positions[:, 0] = np.cumsum(1.05 + 0.1 * np.sin(np.arange(size)))
    return Atoms(f"{symbol}{size}", positions)


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., str]:
    """Return a function that imports clusters of some sizes and returns their reference."""

    def make(sizes: Sequence[int], name: str = "clusters", **options: object) -> str:
        write(tmp_path / f"{name}.extxyz", [cluster(size) for size in sizes])
        imported = import_dataset(file_source(tmp_path / f"{name}.extxyz"), name, **options)
        return str(imported.version.reference)

    return make
