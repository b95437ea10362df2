"""An edge and its reverse are one pair, and only if every edge has its reverse."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings

from hub.potentials.kernels import parallel
from hub.potentials.kernels.pairs import find_pairs
from tests.hub.potentials.kernels.reference import as_tensors, edge_lists


def as_tuples(first, second, shifts):
    columns = (first.tolist(), second.tolist(), shifts.long().tolist())
    return [(a, b, tuple(shift)) for a, b, shift in zip(*columns, strict=True)]


def reverse(edge):
    centre, neighbour, shift = edge
    return neighbour, centre, tuple(-n for n in shift)


def check(edges, shifts):
    """Compare with a search for the reverse of each edge; return the number of ways."""
    pairs = find_pairs(edges, shifts)
    given_edges = as_tuples(*edges, shifts)
    found = as_tuples(pairs.first, pairs.second, pairs.shifts)
    is_symmetric = Counter(given_edges) == Counter(map(reverse, given_edges))
    assert pairs.ways == (2 if is_symmetric else 1)
    if pairs.ways == 1:
        assert found == given_edges
    else:
        assert Counter(found) + Counter(map(reverse, found)) == Counter(given_edges)
    return pairs.ways


@settings(max_examples=60)
@given(edges=edge_lists(4))
def test_every_edge_is_in_one_pair(edges):
    check(*edges)


@settings(max_examples=20)
@given(edges=edge_lists(3))
def test_one_missing_reverse_is_enough_for_single_edges(edges):
    symmetric = as_tuples(*edges[0], edges[1])
    symmetric += [reverse(each) for each in symmetric]
    assert check(*as_tensors(symmetric)) == 2
    for place in range(len(symmetric)):
        assert check(*as_tensors(symmetric[:place] + symmetric[place + 1 :])) == 1


@pytest.mark.parametrize(
    ("edges", "ways"),
    [
        ([], 2),
        ([(0, 1, (0, 0, 0)), (1, 0, (0, 0, 0))], 2),
        ([(0, 1, (1, 0, 0)), (1, 0, (-1, 0, 0))], 2),
        ([(0, 1, (1, 0, 0)), (1, 0, (1, 0, 0))], 1),
        ([(0, 1, (0, 0, 2)), (1, 0, (0, 0, -1))], 1),
        ([(0, 1, (0, 1, 0)), (0, 1, (0, 1, 0)), (1, 0, (0, -1, 0)), (1, 0, (0, -1, 0))], 2),
        ([(0, 1, (0, 1, 0)), (0, 1, (0, 1, 0)), (1, 0, (0, -1, 0)), (1, 0, (0, 1, 0))], 1),
        ([(0, 0, (0, 0, 1)), (0, 0, (0, 0, -1))], 2),
        ([(0, 0, (0, -1, 1)), (0, 0, (0, 1, 1))], 1),
        ([(0, 1, (0, 0, 0)), (2, 0, (0, 0, 0))], 1),
    ],
)
def test_reverses(edges, ways):
    assert check(*as_tensors(edges)) == ways


def test_many_edges_in_any_order():
    generator = torch.Generator().manual_seed(3)
    edges = torch.randint(300, (2, 5000), generator=generator)
    shifts = torch.randint(-2, 3, (5000, 3), generator=generator).double()
    shifts[edges[0] == edges[1], 2] = 3
    both, all_shifts = torch.cat([edges, edges.flip(0)], 1), torch.cat([shifts, -shifts])
    order = torch.randperm(10_000, generator=generator)
    assert check(both[:, order], all_shifts[order]) == 2
    all_shifts[7, 1] += 1
    assert check(both[:, order], all_shifts[order]) == 1


def test_they_may_be_kept_apart():
    edges, shifts = as_tensors([(0, 1, (0, 0, 0)), (1, 0, (0, 0, 0))])
    pairs = find_pairs(edges, shifts, may_join=False)
    assert (pairs.ways, pairs.first.tolist()) == (1, [0, 1])


def test_renumbering():
    edges, shifts = as_tensors([(0, 1, (0, 0, 0)), (1, 2, (0, 0, 0))])
    pairs = find_pairs(edges, shifts)
    assert pairs.bounds == (0, 2)
    moved = pairs.renumbered(torch.tensor([5, 3, 4]))
    assert (moved.first.tolist(), moved.second.tolist()) == ([5, 3], [3, 4])
    assert moved.bounds == (3, 5)


@pytest.mark.parametrize(("n_pairs", "threads"), [(0, 2), (1999, 2), (2000, 2), (7001, 3)])
def test_threads_get_equal_shares_if_there_is_enough_to_do(n_pairs, threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    ranges = parallel.ranges(n_pairs)
    assert [start for start, _ in ranges] == [0, *[stop for _, stop in ranges[:-1]]]
    assert ranges[-1][1] == n_pairs
    assert len(ranges) == (threads if n_pairs >= 2000 else 1)
    sizes = [stop - start for start, stop in ranges]
    assert max(sizes) - min(sizes) <= 1
