"""The random weights of a new network: the numbers that NequIP draws for the same seed."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch

from hub.potentials.nequip.parameters import Embedding, Perceptron

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.potentials.equivariant.weights import IrrepLinear
    from hub.potentials.nequip.compiled import CompiledNetwork


def draw_weights(network: CompiledNetwork, seed: int) -> None:
    """Draw all random weights of a network on a CPU.

    Embeddings and linear maps get normal numbers, radial networks and the read-out uniform numbers,
    all of unit variance. The caller's random numbers stay as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    bound = math.sqrt(3)
    with torch.no_grad():
        for part in _in_order(network):
            if isinstance(part, Perceptron):
                for matrix in part.mlp.parameters():
                    matrix.uniform_(-bound, bound, generator=generator)
            elif isinstance(part, Embedding):
                part.embed_module.weight.normal_(generator=generator)
            else:
                part.weight.normal_(generator=generator)


def _in_order(network: CompiledNetwork) -> Iterator[Embedding | IrrepLinear | Perceptron]:
    """Yield the parts with random weights in the order in which NequIP makes them."""
    yield network.type_embed
    if network.onehot is not None:
        # NequIP draws as many numbers for the vectors of the types before they are set.
        yield copy.deepcopy(network.onehot)
    for interaction in network.interactions():
        conv = interaction.conv
        yield from (conv.linear_1, conv.edge_mlp, conv.linear_2)
        if conv.sc is not None:
            yield conv.sc
        if network.onehot is not None:
            # NequIP makes its own radial network, which another one replaces.
            yield conv.edge_mlp
    yield network.per_atom_energy_readout.mlp_module
