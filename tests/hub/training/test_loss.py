from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hub.potentials.batches import batches_by_atoms, collate, predict
from hub.potentials.potential import Output
from hub.structures.graphs import Graph
from hub.training.steps import loss_of
from tests.hub.training.conftest import tiny_model

NAN = float("nan")


def graph(energy: float, forces: list[list[float]], stress: float = NAN) -> Graph:
    """Return a graph of which the loss looks at the labels only."""
    atoms = len(forces)
    return Graph(
        positions=torch.zeros(atoms, 3, dtype=torch.float64),
        types=torch.zeros(atoms, dtype=torch.int64),
        cell=torch.zeros(3, 3, dtype=torch.float64),
        edges=torch.zeros(2, 0, dtype=torch.int64),
        shifts=torch.zeros(0, 3, dtype=torch.float64),
        energy=torch.tensor(energy, dtype=torch.float64),
        forces=torch.tensor(forces, dtype=torch.float64),
        stress=torch.full((3, 3), stress, dtype=torch.float64),
    )


def loss(energies: list[float], forces: list[list[float]], graphs: list[Graph]) -> torch.Tensor:
    output = predicted(
        torch.tensor(energies, dtype=torch.float64, requires_grad=True),
        torch.tensor(forces, dtype=torch.float64, requires_grad=True),
    )
    return loss_of(output, collate(graphs), energy_weight=4.0)


def predicted(energies: torch.Tensor, forces: torch.Tensor) -> Output:
    """Return an output of which the loss looks at these alone."""
    nothing = torch.zeros(0)
    return Output(energies, forces, nothing, nothing, nothing)


TWO = [
    graph(-4.0, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]),
    graph(-9.0, [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
]
FORCES = [[0, 0, 1.5], [0, 0, -1], [1, 0, 0], [-1, 2, 0], [0, 0, 0]]


def test_the_loss_by_hand() -> None:
    # Energies are off by 1 eV over 2 atoms and 3 eV over 3; forces by 0.5 and 2 in 15 components.
    energy_term = (0.5**2 + 1.0**2) / 2
    force_term = (0.5**2 + 2.0**2) / 15
    assert float(loss([-5.0, -6.0], FORCES, TWO)) == pytest.approx(4 * energy_term + force_term)


def test_missing_labels_count_for_nothing() -> None:
    graphs = [replace(TWO[0], energy=torch.tensor(NAN, dtype=torch.float64)), TWO[1]]
    graphs[1] = replace(graphs[1], forces=graphs[1].forces.clone())
    graphs[1].forces[1] = NAN
    found = loss([-5.0, -6.0], FORCES, graphs)
    assert float(found) == pytest.approx(4 * 1.0**2 + 0.5**2 / 12)
    found.backward()  # whose gradients would be NaN, had the missing labels come in


def test_nothing_but_missing_labels_is_no_loss() -> None:
    output = loss([1.0], [[1.0, 2.0, 3.0]], [graph(NAN, [[NAN] * 3])])
    assert float(output) == 0.0


def test_gradients_stay_finite_beside_missing_labels() -> None:
    energies = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    forces = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    output = predicted(energies, forces)
    loss_of(output, collate([graph(NAN, [[0.0, NAN, 0.5]])]), 4.0).backward()
    assert energies.grad is not None
    assert forces.grad is not None
    assert energies.grad.tolist() == [0.0]
    assert forces.grad.tolist() == [[1.0, 0.0, 0.5]]


def test_stresses_count_where_there_are_labels() -> None:
    crystals = [graph(-4.0, [[0.0] * 3], stress=0.02), graph(-4.0, [[0.0] * 3])]
    # The second has no cell, and no stress that means anything.
    stresses = torch.stack([torch.full((3, 3), 0.03), torch.full((3, 3), torch.inf)]).double()
    stresses.requires_grad_()
    output = Output(
        torch.full((2,), -4.0).double(), torch.zeros(2, 3).double(), stresses, *[torch.zeros(0)] * 2
    )
    assert float(loss_of(output, collate(crystals), 1.0)) == 0.0
    found = loss_of(output, collate(crystals), 1.0, stress_weight=50.0)
    assert float(found) == pytest.approx(50 * 0.01**2, rel=1e-5)
    found.backward()
    assert stresses.grad is not None
    assert stresses.grad[1].abs().max() == 0.0
    np.testing.assert_allclose(stresses.grad[0], 50 * 2 * 0.01 / 9, rtol=1e-5)


def test_batches_keep_the_order_and_the_limit() -> None:
    sizes = [400, 700, 200, 1500, 100, 100, 900, 50]
    graphs = [graph(0.0, [[0.0] * 3] * size) for size in sizes]
    batches = batches_by_atoms(graphs, max_atoms=1000)
    assert [len(item) for batch in batches for item in batch] == sizes
    assert [[len(item) for item in batch] for batch in batches] == [
        [400], [700, 200], [1500], [100, 100], [900, 50],
    ]  # fmt: skip


def test_predictions_do_not_depend_on_the_batches(graphs, monkeypatch) -> None:
    model = tiny_model(graphs).train()
    calls: list[tuple[int, int]] = []
    found = predict(model, graphs, lambda *now: calls.append(now))
    assert calls == [(8, 8)]
    assert model.training
    assert (found.energies.dtype, found.energies.shape) == (np.float64, (8,))
    assert [item.shape for item in found.forces] == [(4, 3)] * 8
    assert found.stresses.shape == (8, 3, 3)
    monkeypatch.setattr(
        "hub.potentials.batches.batches_by_atoms", lambda graphs: [[item] for item in graphs]
    )
    one_by_one = predict(model, graphs)
    np.testing.assert_allclose(found.energies, one_by_one.energies, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.forces, one_by_one.forces, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.stresses, one_by_one.stresses, rtol=1e-4, atol=1e-6)
