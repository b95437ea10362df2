"""Predictions of a potential for graphs in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.potentials.batches import batches_by_atoms, batches_by_edges, collate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.potentials.potential import Potential
    from hub.structures.arrays import FloatArray, IntArray
    from hub.structures.graphs import Graph


@dataclass(frozen=True)
class Predictions:
    """The predictions of a potential for S structures, in their order.

    Attributes
    ----------
    energies
        (S,) total energies, eV.
    forces
        S arrays (n, 3), eV/Å.
    stresses
        (S, 3, 3) eV/Å^3, positive under tension; NaN or infinite without a cell.
    """

    energies: FloatArray
    forces: tuple[FloatArray, ...]
    stresses: FloatArray

    def select(self, indices: IntArray) -> Predictions:
        """Return the predictions for the structures at `indices`, in that order."""
        return Predictions(
            self.energies[indices],
            tuple(self.forces[index] for index in indices.tolist()),
            self.stresses[indices],
        )


def predict(
    potential: Potential,
    graphs: Sequence[Graph],
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict graphs on the device of the potential; its training mode is preserved.

    `progress` is called with the number of graphs done and the total.
    """
    was_training = potential.training
    potential.eval()
    energies, stresses = [np.empty(0)], [np.empty((0, 3, 3))]
    forces: list[FloatArray] = []
    for some in batches_by_atoms(graphs):
        for batch in batches_by_edges(some, potential.max_edges):
            output = potential(collate(batch))
            energies.append(output.energies.detach().cpu().double().numpy())
            stresses.append(output.stresses.detach().cpu().double().numpy())
            ends = np.cumsum([len(graph) for graph in batch])[:-1]
            forces += np.split(output.forces.detach().cpu().double().numpy(), ends)
        if progress is not None:
            progress(len(forces), len(graphs))
    potential.train(was_training)
    return Predictions(np.concatenate(energies), tuple(forces), np.concatenate(stresses))
