"""Graphs joined into batches."""

from __future__ import annotations

import pytest
import torch
from ase import Atoms
from ase.build import bulk

from hub.potentials.batches import batches_by_edges, collate
from hub.structures.graphs import average_neighbors, build_graph


def test_a_batch_keeps_its_structures_apart() -> None:
    structures = [
        bulk("Cu", cubic=True),
        Atoms("Cu"),
        Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]]),
    ]
    graphs = [build_graph(atoms, ["Cu"], 4.0) for atoms in structures]
    batch = collate(graphs)
    assert batch.sizes.tolist() == [4, 1, 2]
    assert batch.structure.tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert batch.cells.shape == (3, 3, 3)
    centres, neighbours = batch.edges
    owner = batch.structure
    assert torch.equal(owner[centres], owner[neighbours])
    counts = [int((owner[centres] == index).sum()) for index in range(3)]
    assert counts == [graph.edges.shape[1] for graph in graphs] == [4 * 18, 0, 2]
    assert batch.shifts.shape == (74, 3)
    assert average_neighbors(graphs) == pytest.approx(74 / 7)


def test_batches_are_limited_by_edges():
    crystal = build_graph(bulk("Cu", cubic=True), ["Cu"], 3.0)
    alone = build_graph(Atoms("Cu"), ["Cu"], 3.0)
    assert (crystal.edges.shape[1], alone.edges.shape[1]) == (48, 0)
    graphs = [alone, crystal, crystal, alone, crystal]
    for limit, sizes in ((96, [4, 1]), (95, [2, 2, 1]), (1, [1] * 5), (None, [5])):
        batches = batches_by_edges(graphs, limit)
        assert [len(batch) for batch in batches] == sizes, limit
        assert [id(graph) for batch in batches for graph in batch] == [*map(id, graphs)]
    assert batches_by_edges([], 5) == batches_by_edges([], None) == []
