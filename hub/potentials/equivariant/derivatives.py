"""Energies, forces and stresses from atomic energies that are functions of pairs' vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hub.potentials.kernels.passes import Pass
from hub.potentials.potential import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.potential import Batch

    AtomicEnergies = Callable[[torch.Tensor, Pass], tuple[torch.Tensor, torch.Tensor]]


def differentiate(
    energies_of: AtomicEnergies,
    batch: Batch,
    pairs: Pairs,
    *,
    is_training: bool,
    without_volume: float = torch.nan,
) -> Output:
    """Predict energies and their derivatives; gradients must be enabled.

    Parameters
    ----------
    energies_of
        Maps the vectors (P, 3) in Å from the first atom of each pair to the second, and the state
        of differentiation, to the atomic energies (N,) in eV and the features (N, F).
    batch
        The structures.
    pairs
        Their pairs.
    is_training
        Whether forces and stresses are to be differentiated again.
    without_volume
        The stress of structures without a volume.
    """
    state = Pass(keeps_edges=batch.positions.requires_grad or batch.cells.requires_grad)
    vectors = _vectors(batch, pairs)
    if not vectors.requires_grad:
        vectors.requires_grad_()
    atomic_energies, features = energies_of(vectors, state)
    n_atoms, n_structures = len(batch.types), len(batch.sizes)
    energies = _sums(atomic_energies, batch.structure, n_structures)
    state.forms_forces = True
    (pulls,) = torch.autograd.grad(
        energies.sum(), vectors, create_graph=is_training, materialize_grads=True
    )
    state.forms_forces = False
    return Output(
        energies=energies,
        forces=_sums(pulls, pairs.first, n_atoms) - _sums(pulls, pairs.second, n_atoms),
        stresses=_stresses(_virials(batch, pairs, vectors, pulls), batch.cells, without_volume),
        atomic_energies=atomic_energies,
        features=features,
    )


def _vectors(batch: Batch, pairs: Pairs) -> torch.Tensor:
    """Return the vectors (P, 3) in Å from the first to the second atom of each pair."""
    if len(batch.sizes) == 1:  # several times faster than one cell for each pair
        translations = pairs.shifts @ batch.cells[0]
    else:
        cells = batch.cells[batch.structure[pairs.first]]
        translations = (pairs.shifts[:, :, None] * cells).sum(1)
    return batch.positions[pairs.second] - batch.positions[pairs.first] + translations


def _virials(
    batch: Batch, pairs: Pairs, vectors: torch.Tensor, pulls: torch.Tensor
) -> torch.Tensor:
    """Return the virials (B, 3, 3) in eV from the vectors and the derivatives with respect to them.

    Both are (P, 3), in Å and eV/Å.
    """
    if len(batch.sizes) == 1:
        return (pulls.mT @ vectors)[None]
    virials = (pulls[:, :, None] * vectors[:, None, :]).flatten(1)
    return _sums(virials, batch.structure[pairs.first], len(batch.sizes)).view(-1, 3, 3)


def _sums(values: torch.Tensor, places: torch.Tensor, size: int) -> torch.Tensor:
    """Sum the rows of `values` with equal indices in `places`, into `size` rows."""
    return values.new_zeros(size, *values.shape[1:]).index_add(0, places, values)


def _stresses(virials: torch.Tensor, cells: torch.Tensor, without_volume: float) -> torch.Tensor:
    """Return the stresses (B, 3, 3) in eV/Å^3."""
    volumes = torch.linalg.det(cells).abs()[:, None, None]
    has_volume = volumes > 0
    symmetric = (virials + virials.mT) / 2
    stresses = symmetric / torch.where(has_volume, volumes, torch.ones_like(volumes))
    return torch.where(has_volume, stresses, without_volume)
