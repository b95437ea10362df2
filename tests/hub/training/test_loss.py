from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hub.potentials.batches import batches_by_atoms
from hub.potentials.potential import Output
from hub.potentials.prediction import predict
from hub.structures.graphs import Graph
from hub.training.loss import energy_and_force_loss
from tests.hub.training.conftest import tiny_model

NAN = float("nan")


def graph(energy: float, forces: list[list[float]]) -> Graph:
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
    )


def loss_of(energies: list[float], forces: list[list[float]], graphs: list[Graph]) -> torch.Tensor:
    output = predicted(
        torch.tensor(energies, dtype=torch.float64, requires_grad=True),
        torch.tensor(forces, dtype=torch.float64, requires_grad=True),
    )
    return energy_and_force_loss(output, graphs, energy_weight=4.0)


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
    assert float(loss_of([-5.0, -6.0], FORCES, TWO)) == pytest.approx(4 * energy_term + force_term)


def test_missing_labels_count_for_nothing() -> None:
    graphs = [replace(TWO[0], energy=torch.tensor(NAN, dtype=torch.float64)), TWO[1]]
    graphs[1] = replace(graphs[1], forces=graphs[1].forces.clone())
    graphs[1].forces[1] = NAN
    loss = loss_of([-5.0, -6.0], FORCES, graphs)
    assert float(loss) == pytest.approx(4 * 1.0**2 + 0.5**2 / 12)
    loss.backward()  # whose gradients would be NaN, had the missing labels come in


def test_nothing_but_missing_labels_is_no_loss() -> None:
    output = loss_of([1.0], [[1.0, 2.0, 3.0]], [graph(NAN, [[NAN] * 3])])
    assert float(output) == 0.0


def test_gradients_stay_finite_beside_missing_labels() -> None:
    energies = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    forces = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    output = predicted(energies, forces)
    energy_and_force_loss(output, [graph(NAN, [[0.0, NAN, 0.5]])], 4.0).backward()
    assert energies.grad is not None
    assert forces.grad is not None
    assert energies.grad.tolist() == [0.0]
    assert forces.grad.tolist() == [[1.0, 0.0, 0.5]]


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
    energies, forces = predict(model, graphs, lambda *now: calls.append(now))
    assert calls == [(8, 8)]
    assert model.training
    assert (energies.dtype, energies.shape) == (torch.float64, (8,))
    assert [tuple(item.shape) for item in forces] == [(4, 3)] * 8
    monkeypatch.setattr(
        "hub.potentials.prediction.batches_by_atoms", lambda graphs: [[item] for item in graphs]
    )
    one_by_one, forces_one_by_one = predict(model, graphs)
    torch.testing.assert_close(energies, one_by_one, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(forces, forces_one_by_one, rtol=1e-4, atol=1e-5)
