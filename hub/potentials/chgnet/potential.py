"""CHGNet as a potential: chgnet's layers, on our lists of neighbours.

chgnet's own graphs are made for one crystal at a time by code that takes longer than the network,
and refuse isolated atoms. Its magnetic moments are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from hub.errors import DataError
from hub.potentials.frozen import FrozenPotential

if TYPE_CHECKING:
    from hub.potentials.chgnet import CHGNetConfig
    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.potential import Batch


class CHGNetPotential(FrozenPotential):
    """A CHGNet."""

    config: CHGNetConfig
    joins_pairs = True

    def atomic_energies(
        self, batch: Batch, pairs: Pairs, vectors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the atomic energies (N,) and the inputs of the read-out (N, F)."""
        if pairs.ways != 2:
            raise DataError("a neighbour list has an edge without its reverse")
        network: Any = self.network
        lengths = vectors.norm(dim=1)
        bonds = torch.arange(len(lengths), device=lengths.device).repeat(2)
        edges = torch.stack(
            [torch.cat([pairs.first, pairs.second]), torch.cat([pairs.second, pairs.first])], dim=1
        )
        by_atoms = network.bond_basis_expansion.rbf_expansion_ag(lengths)
        by_angles = network.bond_weights_bg(network.bond_basis_expansion.rbf_expansion_bg(lengths))
        one, other = find_angles(edges[:, 0], lengths < self.config.angle_cutoff)
        directions = vectors / lengths[:, None]
        directions = torch.cat([directions, -directions])
        angles = network.angle_embedding(
            network.angle_basis_expansion(directions[one], directions[other])
        )
        triples = torch.stack([edges[one, 0], bonds[one], bonds[other]], dim=1)
        weights = network.bond_weights_ag(by_atoms)
        atom_features = network.atom_embedding(batch.types)
        bond_features = network.bond_embedding(by_atoms)
        for number, atom_layer in enumerate(network.atom_conv_layers):
            atom_features = atom_layer(atom_features, bond_features, weights, edges, bonds)
            if number + 1 == self.config.num_layers or not len(triples):
                continue
            bond_features = network.bond_conv_layers[number](
                atom_features, bond_features, by_angles, angles, triples
            )
            angles = network.angle_layers[number](atom_features, bond_features, angles, triples)
        features = network.readout_norm(atom_features)
        return network.mlp(features).squeeze(1), features


def find_angles(
    centres: torch.Tensor, are_short: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find all ordered pairs of different short edges with the same centre.

    Parameters
    ----------
    centres : (2 P,) int64
        The centre of each edge: those of all pairs, then those of their reverses.
    are_short : (P,) bool
        Whether a pair is short enough for angles.

    Returns
    -------
    The first and the second edge of each angle, by the centre.
    """
    short = are_short.repeat(2).nonzero().squeeze(1)
    short = short[centres[short].argsort(stable=True)]
    _, counts = centres[short].unique_consecutive(return_counts=True)
    starts = counts.cumsum(0) - counts
    # Each edge is followed by all edges of its centre.
    each = counts.repeat_interleave(counts)
    one = torch.arange(len(short), device=short.device).repeat_interleave(each)
    first = starts.repeat_interleave(counts)
    begins = each.cumsum(0) - each
    other = torch.arange(len(one), device=short.device) - begins[one] + first[one]
    differ = one != other
    return short[one[differ]], short[other[differ]]
