"""What a GPU does in another way so that the host need not wait for it, here on the CPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hub.potentials.batches import collate
from hub.potentials.kernels import pairs
from hub.potentials.kernels.pairs import find_half, find_pairs
from hub.potentials.nequip import compiled
from hub.potentials.nequip.compiled import Atoms
from hub.structures.graphs import build_graph
from tests.hub.potentials.small import SMALL, hydrocarbon, random_model


@pytest.fixture(scope="module")
def graphs():
    return [build_graph(hydrocarbon(seed), SMALL.type_names, SMALL.r_max) for seed in range(2)]


def with_halves(graphs):
    return [replace(each, half=find_half(each.edges, each.shifts).int()) for each in graphs]


def test_pairs_of_graphs_are_those_of_their_batch(graphs, monkeypatch):
    batch, known = collate(graphs), collate(with_halves(graphs))
    assert batch.half is None
    expected = find_pairs(batch.edges, batch.shifts)
    monkeypatch.setattr(pairs, "find_half", None)  # is not called
    found = find_pairs(known.edges, known.shifts, half=known.half)
    assert (found.ways, found.ranges) == (2, expected.ranges)
    for name in ("first", "second", "shifts"):
        assert torch.equal(getattr(found, name), getattr(expected, name))


def test_pairs_are_not_known_where_one_graph_has_an_edge_without_a_reverse(graphs):
    first, second = with_halves(graphs)
    one_way = replace(second, edges=second.edges[:, 1:], shifts=second.shifts[1:])
    assert find_half(one_way.edges, one_way.shifts) is None
    assert collate([first, replace(one_way, half=None)]).half is None


def test_known_pairs_are_not_joined_where_both_directions_have_weights_of_their_own(graphs):
    known = collate(with_halves(graphs))
    found = find_pairs(known.edges, known.shifts, may_join=False, half=known.half)
    assert (found.ways, len(found.first)) == (1, known.edges.shape[1])


def test_atoms_in_the_order_of_the_batch(graphs, monkeypatch):
    """Which a GPU keeps, because nothing is known of the numbers of atoms of each type."""

    def unsorted(types, n_types):
        numbers = torch.arange(len(types))
        return Atoms(types, numbers, torch.arange(n_types), None)

    model = random_model().accelerate().train()
    batch = collate(graphs)

    def step():
        model.zero_grad()
        output = model(batch)
        (output.energies.sum() + output.forces.square().sum()).backward()
        grads = [each.grad for each in model.parameters() if each.grad is not None]
        return [output.energies, output.forces, output.stresses, output.features, *grads]

    expected = step()
    monkeypatch.setattr(compiled.Atoms, "of_types", unsorted)
    for one, other in zip(step(), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)
