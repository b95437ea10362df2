"""Labels joined by position: accepted in the right order, refused in every wrong one."""

import numpy as np
import pytest
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.importers.join import JoinError, prove_join


def pointers_of(sizes):
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def two_potentials(sizes, likeness=0.6, seed=0, scale=1.5):
    """Forces of two potentials whose cosine is about `likeness`, in frames with a memory."""
    rng = np.random.default_rng(seed)
    pointers = pointers_of(sizes)
    known = rng.normal(scale=scale, size=(pointers[-1], 3))
    own = rng.normal(scale=scale, size=known.shape)
    other = 3 * (likeness * known + np.sqrt(1 - likeness**2) * own)
    return pointers, known, other


def reordered(pointers, forces, order):
    parts = [forces[pointers[i] : pointers[i + 1]] for i in order]
    return np.concatenate(parts), pointers_of([len(part) for part in parts])


def prove(pointers, known, other, order=None):
    order = np.arange(len(pointers) - 1) if order is None else order
    joined, label_pointers = reordered(pointers, other, order)
    return prove_join(pointers, known, joined, label_pointers)


def test_real_labels_of_two_potentials(shared):
    cells = read(shared / "upstream" / "nnp-pre-training" / "quenched.extxyz", ":")
    lcbop = np.load(shared / "conversion" / "lcbop_labels_of_quenched.npz")["forces"]
    pointers = pointers_of([len(atoms) for atoms in cells])
    gap17 = np.concatenate([atoms.arrays["gap17_forces"] for atoms in cells])
    proof = prove(pointers, gap17, lcbop.reshape(-1, 3))
    assert (proof.right, proof.wrong, proof.untold) == (26, 0, 0)
    assert proof.agreement > 0.5
    assert abs(proof.control) < 0.05
    # The size of the difference would not have told them apart: LCBOP pushes four times as hard.
    assert proof.shifted_rmse < 1.15 * proof.force_rmse
    for order in (np.roll(np.arange(26), 1), np.arange(26)[::-1]):
        with pytest.raises(JoinError, match="do not belong to the structures"):
            prove(pointers, gap17, lcbop.reshape(-1, 3), order)


ORDERS = {
    "shifted by one": lambda n: np.roll(np.arange(n), 1),
    "shifted back": lambda n: np.roll(np.arange(n), -1),
    "reversed": lambda n: np.arange(n)[::-1],
    "files swapped": lambda n: np.concatenate([np.arange(n // 2, n), np.arange(n // 2)]),
    "one pair swapped": lambda n: np.r_[1, 0, 2:n],
    "one distant pair swapped": lambda n: np.r_[n - 7, 1 : n - 7, 0, n - 6 : n],
    "a short piece rotated": lambda n: np.r_[0:5, np.roll(np.arange(5, 45), 20), 45:n],
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("likeness", [0.45, 0.95])
def test_a_wrong_order_is_refused_with_numbers(name, likeness):
    pointers, known, other = two_potentials([180] * 120, likeness)
    with pytest.raises(JoinError, match="do not belong to the structures") as failure:
        prove(pointers, known, other, ORDERS[name](120))
    assert "mean cosine" in failure.value.message
    assert "of 120 structures" in failure.value.message
    assert "match their own labels best" in failure.value.message


@pytest.mark.parametrize("likeness", [0.45, 0.95])
def test_the_right_order_is_accepted(likeness):
    proof = prove(*two_potentials([180] * 120, likeness))
    assert (proof.right, proof.wrong) == (120, 0)


def test_ragged_sizes_that_do_not_match_are_refused():
    pointers, known, other = two_potentials([60, 64, 70] * 10, 0.8)
    with pytest.raises(JoinError, match=r"structure 0 has 60 atoms, but its labels have 70"):
        prove(pointers, known, other, np.roll(np.arange(30), 1))
    # A shift that happens to match all sizes.
    with pytest.raises(JoinError, match="do not belong to the structures"):
        prove(pointers, known, other, np.roll(np.arange(30), 3))
    assert prove(pointers, known, other).right == 30


def test_another_number_of_structures_is_refused():
    pointers, known, other = two_potentials([64] * 20)
    with pytest.raises(JoinError, match="expected labels of 20 structures, got 19"):
        prove(pointers, known, other, np.arange(19))


def test_what_cannot_be_told_is_refused():
    few = two_potentials([64] * 5)
    with pytest.raises(JoinError, match="cannot verify"):
        prove(*few)
    small = two_potentials([2] * 200)
    with pytest.raises(JoinError, match="cannot verify"):
        prove(*small)
    relaxed = two_potentials([64] * 50, scale=1e-4)
    with pytest.raises(JoinError, match="cannot verify"):
        prove(*relaxed)
    nothing = two_potentials([])
    with pytest.raises(JoinError, match="cannot verify"):
        prove_join(*nothing, nothing[0])


def test_equal_neighbours_cannot_tell_each_other_apart():
    pointers, known, other = two_potentials([64] * 40)
    known[:] = np.tile(known[:64], (40, 1))
    other[:] = np.tile(other[:64], (40, 1))
    with pytest.raises(JoinError, match="cannot verify"):
        prove(pointers, known, other)


def test_structures_of_unique_sizes_need_forces_that_agree():
    pointers, known, other = two_potentials(list(range(50, 90)), 0.9)
    assert prove(pointers, known, other).right == 40
    _, _, unrelated = two_potentials(list(range(50, 90)), 0.9, seed=1)
    with pytest.raises(JoinError, match="do not belong to the structures"):
        prove(pointers, known, unrelated)


def test_a_few_relaxed_or_small_structures_are_counted_and_accepted():
    sizes = [64] * 60 + [2] * 15
    pointers, known, other = two_potentials(sizes, 0.8)
    known[:128] *= 1e-5
    proof = prove(pointers, known, other)
    assert 57 <= proof.right <= 60
    assert proof.wrong == 0
    assert proof.untold >= 2


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 10_000))
def test_no_random_order_but_the_own_is_accepted(random, seed):
    pointers, known, other = two_potentials([60] * 30, 0.85, seed=seed)
    order = list(range(30))
    random.shuffle(order)
    if order == list(range(30)):
        assert prove(pointers, known, other).right >= 28
        return
    with pytest.raises(JoinError):
        prove(pointers, known, other, np.array(order))
