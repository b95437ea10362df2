"""The proof that labels which are joined by position belong to the structures they are put on.

Two potentials disagree on the size of forces, but push atoms the same way: the mean cosine between
their forces on one structure is 0.4 to 0.7 even for potentials as far apart as LCBOP and GAP-17,
and zero within its noise between one structure and another. So each structure's labels are compared
with known forces on it, and with those of structures nearby in the order, as a shift would put
them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray

# Neighbours in the order, near and far, that each structure's labels are tried on.
SHIFTS = (-2, -1, 1, 2, 10, 100)
# Atoms that feel less, in eV/Å, have no direction that two potentials would agree on.
SMALLEST_FORCE = 0.02
# Standard deviations between the own labels and the best others that settle a structure.
SETTLED = 3.0
# Margins that even potentials far apart clear. Wider ones, of small structures, accuse nobody: two
# potentials may well pull a strained crystal of few atoms in opposite directions.
DECISIVE = 0.3
# The part of all atoms that must belong to structures settled as right.
MOST = 0.8
# The part of the structures that may agree with nothing; some stay strangers to a poor potential.
STRANGERS = 0.1
# Settled structures below which a proof is none.
FEWEST = 10
# Structures that agree with nothing near are looked for everywhere, up to this many.
SUSPECTS = 50

_WRONG_HINT = (
    "The labels are in another order than the structures, or belong to others. Sort the label "
    "files by number (2 before 10), and check which structures they leave out."
)


class JoinError(DataError):
    """Labels do not belong to the structures, or it cannot be told whether they do."""


@dataclass(frozen=True)
class Proof:
    """What the comparison found.

    Attributes
    ----------
    n_structures
        How many structures were joined.
    right, wrong, untold
        Structures whose labels fit them best, fit another one better, or cannot tell.
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
            f"forces agree by a mean cosine of {self.agreement:.2f} ({self.force_rmse:.2f} eV/Å "
            f"rms apart), shifted by one by {self.control:.2f} ({self.shifted_rmse:.2f} eV/Å); "
            f"{self.right} of {self.n_structures} structures fit their own labels best, "
            f"{self.wrong} fit another's, {self.untold} cannot tell"
        )


def prove_join(
    pointers: IntArray, known: FloatArray, joined: FloatArray, label_pointers: IntArray
) -> Proof:
    """Show that labels in the order of a file are in the order of the structures.

    Parameters
    ----------
    pointers
        (S + 1,) of the structures.
    known
        (A, 3) forces on them that came with the structures, in eV/Å.
    joined
        (A, 3) forces that are to be joined, in eV/Å.
    label_pointers
        (S + 1,) of those.

    Raises
    ------
    JoinError
        If the order is wrong, or if too few structures can tell; the message has the numbers.
    """
    _check_sizes(pointers, label_pointers)
    forces = _Forces(pointers, known, joined)
    own = forces.agreement(0)
    others = {shift: forces.agreement(shift) for shift in SHIFTS}
    best_other = np.fmax.reduce(list(others.values()))
    # A mean over n cosines of unrelated directions scatters by 1 / sqrt(3 n).
    margin = SETTLED / np.sqrt(3.0 * np.maximum(forces.telling_atoms(), 1))
    # No other labels have the size of a structure that is the only one of its size: to belong,
    # its own must agree better than unrelated directions do, whose cosine is zero.
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
            f"the labels are not those of the structures, first at number "
            f"{int((wrong | unlike).argmax())}: {proof}",
            _WRONG_HINT,
        )
    share = sizes[right].sum() / max(sizes.sum(), 1)
    if proof.right < FEWEST or share < MOST:
        raise JoinError(
            f"it cannot be told whether the labels are those of the structures: {proof}. At least "
            f"{FEWEST} structures with {MOST:.0%} of the atoms must fit their own labels best by a "
            f"clear margin, and {proof.right} with {share:.0%} do",
            "Join them by content instead: write structures and labels into one file.",
        )


def _check_sizes(pointers: IntArray, label_pointers: IntArray) -> None:
    sizes, label_sizes = np.diff(pointers), np.diff(label_pointers)
    if len(sizes) != len(label_sizes):
        raise JoinError(
            f"there are labels of {len(label_sizes)} structures for {len(sizes)} structures",
            "A label file is missing or double, or the labels leave out other structures.",
        )
    if (sizes != label_sizes).any():
        first = int((sizes != label_sizes).argmax())
        raise JoinError(
            f"structure {first} has {sizes[first]} atoms, and its labels have "
            f"{label_sizes[first]}; so have {int((sizes != label_sizes).sum())} structures in all",
            _WRONG_HINT,
        )


class _Forces:
    """Two sets of forces on the same atoms, and how alike they are when shifted."""

    def __init__(self, pointers: IntArray, known: FloatArray, joined: FloatArray) -> None:
        self.pointers = pointers
        self.sizes = np.diff(pointers)
        self.known = known
        self.joined = joined

    def agreement(self, shift: int) -> FloatArray:
        """Return (S,) the mean cosine between each structure and labels `shift` further on.

        It is minus infinity where those are of another size, or no atom can tell.
        """
        here, atoms, there = self._partners(shift)
        result = np.full(len(self.sizes), -np.inf)
        result[here] = _mean_cosines(self.known[atoms], self.joined[there], self.sizes[here])
        return result

    def telling_atoms(self) -> FloatArray:
        """Return (S,) how many atoms of each structure feel enough to be compared."""
        telling = np.isfinite(_cosines(self.known, self.joined))
        return _sums(telling.astype(np.float64), self.sizes)

    def fits_another(self, index: int, margin: float) -> bool:
        """Whether the labels at `index` fit another structure, wherever that is."""
        size = self.sizes[index]
        alike = np.flatnonzero(self.sizes == size)
        atoms = (self.pointers[alike][:, None] + np.arange(size)).ravel()
        own = slice(self.pointers[index], self.pointers[index + 1])
        labels = np.tile(self.joined[own], (len(alike), 1))
        found = _mean_cosines(self.known[atoms], labels, self.sizes[alike])
        # Among so many, a chance agreement of three standard deviations is not yet rare.
        return bool((found[alike != index] > 1.7 * margin).any())

    def rmse(self, shift: int) -> float:
        """Return the rms difference of force components, in eV/Å; NaN where none compare."""
        _, atoms, there = self._partners(shift)
        squares = (self.known[atoms] - self.joined[there]) ** 2
        return float(np.sqrt(np.nanmean(squares))) if squares.size else float("nan")

    def _partners(self, shift: int) -> tuple[IntArray, IntArray, IntArray]:
        """Return structures with a partner of their size, their atoms, and its atoms.

        The order is counted among structures of one size, so that ragged sets have partners too.
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
    """Return (A,) the cosine between two forces on each atom; NaN where one is too small."""
    known_sizes, joined_sizes = np.linalg.norm(known, axis=1), np.linalg.norm(joined, axis=1)
    telling = (known_sizes > SMALLEST_FORCE) & (joined_sizes > SMALLEST_FORCE)
    dots = np.einsum("ij,ij->i", known, joined)
    cosines = np.full(len(known), np.nan)
    np.divide(dots, known_sizes * joined_sizes, out=cosines, where=telling)
    return cosines


def _mean_cosines(known: FloatArray, joined: FloatArray, sizes: IntArray) -> FloatArray:
    """Return the mean cosine in each of the structures that these sizes divide the atoms into."""
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
