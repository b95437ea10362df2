"""Verify that labels joined to structures by their order belong to these structures.

Two potentials disagree on the magnitude of forces, but agree on the direction: the mean cosine
between their forces on a structure is 0.4 to 0.7 even for potentials as different as LCBOP and
GAP-17, and zero within noise between different structures. Therefore the labels of each structure
are compared with known forces on it and on structures nearby in the order, as if the labels were
shifted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray

# Offsets in the order, near and far, at which each structure's labels are tried.
SHIFTS = (-2, -1, 1, 2, 10, 100)
# Smaller forces, in eV/Å, have no direction on which two potentials would agree.
SMALLEST_FORCE = 0.02
# Difference between a structure's own labels and the best others, in standard deviations, that is
# significant.
SETTLED = 3.0
# Margins that even very different potentials exceed. Wider ones, of small structures, do not count
# as evidence: two potentials may give opposite forces on a strained crystal of few atoms.
DECISIVE = 0.3
# The fraction of all atoms that must belong to structures with confirmed labels.
MOST = 0.8
# The fraction of structures that may agree with nothing; a poor potential fails for some.
STRANGERS = 0.1
# The minimum number of structures with confirmed labels.
FEWEST = 10
# The maximum number of structures without agreement nearby whose labels are tried everywhere.
SUSPECTS = 50

_WRONG_HINT = (
    "The labels are in a different order than the structures, or belong to other structures. Sort "
    "the label files by number (2 before 10), and check which structures they omit."
)


class JoinError(DataError):
    """Labels do not belong to the structures, or this cannot be verified."""


@dataclass(frozen=True)
class Proof:
    """The result of the comparison.

    Attributes
    ----------
    n_structures
        Number of joined structures.
    right, wrong, untold
        Number of structures whose labels match them best, match another one better, or are
        inconclusive.
    agreement, control
        Mean cosine between the two forces on an atom: as joined, and shifted by one.
    force_rmse, shifted_rmse
        Root-mean-square difference of the forces in eV/Å: as joined, and shifted by one.
    """

    n_structures: int
    right: int
    wrong: int
    untold: int
    agreement: float
    control: float
    force_rmse: float
    shifted_rmse: float

    def __str__(self) -> str:
        return (
            f"mean cosine between the forces {self.agreement:.2f} (rms difference "
            f"{self.force_rmse:.2f} eV/Å), shifted by one {self.control:.2f} "
            f"({self.shifted_rmse:.2f} eV/Å); of {self.n_structures} structures {self.right} match "
            f"their own labels best, {self.wrong} match others, {self.untold} are inconclusive"
        )


def prove_join(
    pointers: IntArray, known: FloatArray, joined: FloatArray, label_pointers: IntArray
) -> Proof:
    """Verify that labels in the order of a file are in the order of the structures.

    Parameters
    ----------
    pointers
        (S + 1,) pointers of the structures.
    known
        (A, 3) forces that came with the structures, in eV/Å.
    joined
        (A, 3) forces to be joined, in eV/Å.
    label_pointers
        (S + 1,) pointers of the forces to be joined.

    Raises
    ------
    JoinError
        If the order is wrong, or too few structures are conclusive; the message has the numbers.
    """
    _check_sizes(pointers, label_pointers)
    forces = _Forces(pointers, known, joined)
    own = forces.agreement(0)
    others = {shift: forces.agreement(shift) for shift in SHIFTS}
    best_other = np.fmax.reduce(list(others.values()))
    # A mean over n cosines of unrelated directions scatters by 1 / sqrt(3 n).
    margin = SETTLED / np.sqrt(3.0 * np.maximum(forces.telling_atoms(), 1))
    # A structure with a unique number of atoms has no other labels to compare with: its own must
    # agree better than unrelated directions, whose cosine is zero.
    best_other = np.where(np.isfinite(best_other), best_other, 0.0)
    right = own > best_other + margin
    decisive = margin < DECISIVE
    wrong = decisive & (best_other > own + margin)
    unlike = decisive & ~right & ~wrong & (own < margin)
    suspects = np.flatnonzero(unlike)[:SUSPECTS]
    wrong[[index for index in suspects if forces.fits_another(int(index), margin[index])]] = True
    proof = Proof(
        n_structures=len(own),
        right=int(right.sum()),
        wrong=int(wrong.sum()),
        untold=int((~right & ~wrong).sum()),
        agreement=_mean(own),
        control=_mean(others[1]),
        force_rmse=forces.rmse(0),
        shifted_rmse=forces.rmse(1),
    )
    _judge(proof, np.diff(pointers), right, wrong, unlike)
    return proof


def _judge(
    proof: Proof, sizes: IntArray, right: BoolArray, wrong: BoolArray, unlike: BoolArray
) -> None:
    if wrong.any() or unlike.sum() > STRANGERS * len(sizes):
        raise JoinError(
            f"the labels do not belong to the structures, first at structure "
            f"{int((wrong | unlike).argmax())}: {proof}",
            _WRONG_HINT,
        )
    share = sizes[right].sum() / max(sizes.sum(), 1)
    if proof.right < FEWEST or share < MOST:
        raise JoinError(
            f"cannot verify that the labels belong to the structures: {proof}. At least "
            f"{FEWEST} structures with {MOST:.0%} of the atoms must match their own labels best by "
            f"a clear margin, but only {proof.right} with {share:.0%} do",
            "Write structures and labels into one file instead of joining them by order.",
        )


def _check_sizes(pointers: IntArray, label_pointers: IntArray) -> None:
    sizes, label_sizes = np.diff(pointers), np.diff(label_pointers)
    if len(sizes) != len(label_sizes):
        raise JoinError(
            f"expected labels of {len(sizes)} structures, got {len(label_sizes)}",
            "A label file is missing or duplicated, or the labels omit other structures.",
        )
    if (sizes != label_sizes).any():
        first = int((sizes != label_sizes).argmax())
        raise JoinError(
            f"structure {first} has {sizes[first]} atoms, but its labels have "
            f"{label_sizes[first]}; {int((sizes != label_sizes).sum())} structures in total do not "
            "match",
            _WRONG_HINT,
        )


class _Forces:
    """Two sets of forces on the same atoms, compared with and without a shift."""

    def __init__(self, pointers: IntArray, known: FloatArray, joined: FloatArray) -> None:
        self.pointers = pointers
        self.sizes = np.diff(pointers)
        self.known = known
        self.joined = joined

    def agreement(self, shift: int) -> FloatArray:
        """Return (S,) the mean cosine between each structure and the labels `shift` further on.

        Minus infinity if these have another number of atoms, or no atom can be compared.
        """
        here, atoms, there = self._partners(shift)
        result = np.full(len(self.sizes), -np.inf)
        result[here] = _mean_cosines(self.known[atoms], self.joined[there], self.sizes[here])
        return result

    def telling_atoms(self) -> FloatArray:
        """Return (S,) the number of atoms of each structure with large enough forces to compare."""
        telling = np.isfinite(_cosines(self.known, self.joined))
        return _sums(telling.astype(np.float64), self.sizes)

    def fits_another(self, index: int, margin: float) -> bool:
        """Whether the labels at `index` match another structure anywhere."""
        size = self.sizes[index]
        alike = np.flatnonzero(self.sizes == size)
        atoms = (self.pointers[alike][:, None] + np.arange(size)).ravel()
        own = slice(self.pointers[index], self.pointers[index + 1])
        labels = np.tile(self.joined[own], (len(alike), 1))
        found = _mean_cosines(self.known[atoms], labels, self.sizes[alike])
        # Among so many, a chance agreement of three standard deviations is not rare.
        return bool((found[alike != index] > 1.7 * margin).any())

    def rmse(self, shift: int) -> float:
        """Return the rms difference of force components in eV/Å; NaN if none can be compared."""
        _, atoms, there = self._partners(shift)
        squares = (self.known[atoms] - self.joined[there]) ** 2
        return float(np.sqrt(np.nanmean(squares))) if squares.size else float("nan")

    def _partners(self, shift: int) -> tuple[IntArray, IntArray, IntArray]:
        """Return the structures with a partner of equal size, their atoms, and its atoms.

        The shift counts structures of equal size, so that ragged sets have partners, too.
        """
        by_size = np.argsort(self.sizes, kind="stable")
        first = np.arange(max(0, -shift), max(0, len(by_size) - max(0, shift)))
        here, there = by_size[first], by_size[first + shift]
        equal = self.sizes[here] == self.sizes[there]
        here, there = here[equal], there[equal]
        sizes = self.sizes[here]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return (
            here,
            np.repeat(self.pointers[here], sizes) + within,
            np.repeat(self.pointers[there], sizes) + within,
        )


def _cosines(known: FloatArray, joined: FloatArray) -> FloatArray:
    """Return (A,) the cosine between the two forces on each atom; NaN if one is too small."""
    known_sizes, joined_sizes = np.linalg.norm(known, axis=1), np.linalg.norm(joined, axis=1)
    telling = (known_sizes > SMALLEST_FORCE) & (joined_sizes > SMALLEST_FORCE)
    dots = np.einsum("ij,ij->i", known, joined)
    cosines = np.full(len(known), np.nan)
    np.divide(dots, known_sizes * joined_sizes, out=cosines, where=telling)
    return cosines


def _mean_cosines(known: FloatArray, joined: FloatArray, sizes: IntArray) -> FloatArray:
    """Return the mean cosine in each structure; `sizes` are their numbers of atoms."""
    cosines = _cosines(known, joined)
    telling = np.isfinite(cosines)
    counts = _sums(telling.astype(np.float64), sizes)
    sums = _sums(np.where(telling, cosines, 0.0), sizes)
    means = np.full(len(sizes), -np.inf)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def _sums(values: FloatArray, sizes: IntArray) -> FloatArray:
    ends = np.cumsum(np.concatenate([[0], sizes]))
    sums: FloatArray = np.diff(np.concatenate([[0.0], np.cumsum(values)])[ends])
    return sums


def _mean(values: FloatArray) -> float:
    compared = values[np.isfinite(values)]
    return float(compared.mean()) if compared.size else float("nan")
