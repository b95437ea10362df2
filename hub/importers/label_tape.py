"""Join published labels, file after file, to a sequence of structures."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from hub.datasets.blocks import Labels
from hub.importers.join import JoinError, prove_join
from hub.importers.npz_labels import NpzLabels, read_npz_labels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hub.importers.join import Proof
    from hub.structures.arrays import BoolArray, FloatArray, IntArray

# A file with fewer structures is verified together with this many of the file before it.
_FEW = 20


def files_in_order(pattern: str, sources: Mapping[str, Path]) -> dict[str, Path]:
    """Return the sources that match a pattern, sorted by the number at their end: 2 before 10."""
    names = [name for name in sources if fnmatchcase(name, pattern)]
    return {name: sources[name] for name in sorted(names, key=_number)}


def _number(name: str) -> int:
    digits = re.findall(r"\d+", name.rpartition("/")[2])
    return int(digits[-1]) if digits else 0


class LabelTape:
    """The labels of one label set, taken from its files in order.

    The join of each file is verified when its last label has been taken.

    Parameters
    ----------
    files
        Label files by their names in messages.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.proofs: dict[str, Proof] = {}
        self.n_taken = 0
        self._waiting = list(files.items())
        self._name = ""
        self._labels = NpzLabels(np.empty(0), np.empty((0, 3)), np.zeros(1, np.int64))
        self._next = 0
        # Known and joined forces of the structures of this file, and of the last few before it.
        self._pairs: list[tuple[FloatArray, FloatArray]] = []
        self._before: list[tuple[FloatArray, FloatArray]] = []

    def take(self, covered: BoolArray, pointers: IntArray, known: FloatArray) -> Labels:
        """Return labels for some structures; NaN for those that the files do not cover.

        Parameters
        ----------
        covered
            (S,) which structures have labels.
        pointers
            (S + 1,) pointers of the structures.
        known
            (A, 3) forces that came with the structures, in eV/Å.

        Raises
        ------
        JoinError
            If labels and structures do not belong together.
        DataError
            If a label file is broken.
        """
        energies = np.full(len(covered), np.nan)
        forces = np.full(known.shape, np.nan)
        for index in np.flatnonzero(covered).tolist():
            own = slice(int(pointers[index]), int(pointers[index + 1]))
            energies[index], rows = self._take_one(own.stop - own.start)
            forces[own] = rows
            self._pairs.append((known[own], rows))
        return Labels(energies, forces)

    def finish(self) -> None:
        """Verify the last file, and refuse labels without a structure."""
        left = self._left() + sum(len(read_npz_labels(path)) for _, path in self._waiting)
        if left:
            raise JoinError(
                f"there are labels for {self.n_taken + left} structures, but only {self.n_taken} "
                f"structures; the first unused label is in {self._name}",
                "The labels omit different structures than the card says, or belong to other "
                "structures.",
            )
        self._prove()

    def _take_one(self, size: int) -> tuple[float, FloatArray]:
        while not self._left():
            self._open_next()
        start, stop = self._labels.pointers[self._next : self._next + 2].tolist()
        if stop - start != size:
            raise JoinError(
                f"{self._name}[{self._next}] has forces on {stop - start} atoms, expected {size} "
                f"(structure {self.n_taken} of those with labels)",
                "The label files are in a different order, or omit other structures.",
            )
        energy = float(self._labels.energies[self._next])
        self._next += 1
        self.n_taken += 1
        return energy, self._labels.forces[start:stop]

    def _left(self) -> int:
        return len(self._labels) - self._next

    def _open_next(self) -> None:
        self._prove()
        if not self._waiting:
            raise JoinError(
                f"there are more structures than labels ({self.n_taken})",
                "A label file is missing, or the labels omit more structures.",
            )
        self._name, path = self._waiting.pop(0)
        self._labels, self._next = read_npz_labels(path), 0

    def _prove(self) -> None:
        """Compare the forces of the completed file with the known ones."""
        if not self._name:
            return
        pairs = self._pairs if len(self._pairs) >= _FEW else self._before + self._pairs
        known, joined = zip(*pairs, strict=True)
        pointers = np.cumsum([0, *map(len, known)])
        try:
            proof = prove_join(pointers, np.concatenate(known), np.concatenate(joined), pointers)
        except JoinError as problem:
            raise JoinError(f"{self._name}: {problem.message}", problem.hint) from problem
        self.proofs[self._name] = proof
        self._before, self._pairs = self._pairs[-_FEW:], []
