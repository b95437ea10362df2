"""SevenNet's networks without ``sevenn``: the same functions, computed by compiled kernels.

Channels are the last dimension of all features. Lengths, directions, the radial basis and energies
are float64.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch

from hub.potentials.equivariant.derivatives import differentiate
from hub.potentials.equivariant.edges import harmonics
from hub.potentials.equivariant.layers import Features, Irrep, are_compilable
from hub.potentials.equivariant.nonlinear import apply_nonlinearity
from hub.potentials.equivariant.planning import plan_linear
from hub.potentials.equivariant.weights import hidden_numbers
from hub.potentials.kernels.convolution import convolve
from hub.potentials.kernels.inputs import checked
from hub.potentials.kernels.pairs import find_pairs
from hub.potentials.rescaling import Rescale
from hub.potentials.sevennet.parts import (
    EMBEDDING,
    READOUT,
    RESCALE,
    Convolution,
    EdgeEmbedding,
    IrrepsLinear,
)
from hub.potentials.sevennet.plan import FUNCTION, plan_layers, plan_modal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.equivariant.layers import Layer
    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.kernels.passes import Pass
    from hub.potentials.potential import Batch, Output
    from hub.potentials.sevennet import SevenNetConfig


def is_compilable(config: SevenNetConfig) -> bool:
    """Say whether the kernels of a network compile in seconds."""
    return are_compilable(plan_layers(config))


class CompiledNetwork(torch.nn.Module):
    """A network with the parameters of sevenn's, under the same names and in the same order.

    Parameters
    ----------
    config
        The configuration.
    dtype
        Precision of everything except the energy scales and shifts, which are float64.
    """

    def __init__(self, config: SevenNetConfig, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers = plan_layers(config)
        self.l_max = len(config.channels) - 1
        self.model_dtype = dtype
        self.n_types, scalars = len(config.type_names), config.channels[0]
        self.modals, self.modal = len(config.modals), config.modal_index
        self.edge_embedding = EdgeEmbedding(config, dtype)
        types, first = _scalars(self.n_types), _scalars(scalars)
        self.add_module(EMBEDDING, IrrepsLinear(plan_linear(types, first), dtype))
        for number, layer in enumerate(self.layers):
            self._add_interaction(number, layer, config, dtype)
        half = _scalars(scalars // 2)
        readout = plan_linear((*first, *plan_modal(config)), half)
        self.add_module(READOUT, IrrepsLinear(readout, dtype))
        last = IrrepsLinear(plan_linear(half, _scalars(1)), dtype)
        self.reduce_hidden_to_energy = last
        self.add_module(RESCALE, Rescale(self.n_types))

    def _add_interaction(
        self, number: int, layer: Layer, config: SevenNetConfig, dtype: torch.dtype
    ) -> None:
        connection = plan_linear(layer.inputs, layer.convolved)
        self.add_module(f"{number}_self_connection_intro", IrrepsLinear(connection, dtype))
        self.add_module(f"{number}_self_interaction_1", IrrepsLinear(layer.before, dtype))
        convolution = Convolution(config, layer.product.n_weights, dtype)
        self.add_module(f"{number}_convolution", convolution)
        self.add_module(f"{number}_self_interaction_2", IrrepsLinear(layer.after, dtype))

    @checked
    def forward(self, batch: Batch) -> Output:
        """Predict energies and their derivatives."""
        pairs = find_pairs(batch.edges, batch.shifts, half=batch.half)
        energies = functools.partial(self._atomic_energies, batch, pairs)
        return differentiate(energies, batch, pairs, is_training=self.training, without_volume=0.0)

    def _atomic_energies(
        self, batch: Batch, pairs: Pairs, vectors: torch.Tensor, state: Pass
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the atomic energies (N,), and the inputs of the read-out."""
        lengths = vectors.square().sum(1, keepdim=True).sqrt()
        edges = harmonics(vectors / lengths, self.l_max).to(self.model_dtype)
        networks = [self._part(n, "convolution").weight_nn for n in range(len(self.layers))]
        hidden = hidden_numbers(networks, self.edge_embedding(lengths))
        one_hot = torch.eye(self.n_types, dtype=self.model_dtype, device=vectors.device)
        blocks = [self._linear(EMBEDDING, [one_hot[:, None, :]])[0][batch.types]]
        modal = self._modal_blocks(len(batch.types), vectors.device)
        for number, layer in enumerate(self.layers):
            sent = self._linear(f"{number}_self_interaction_1", [*blocks, *modal])
            matrix = self._part(number, "convolution").matrix()
            messages = convolve(layer.product, pairs, state, sent, edges, hidden[number], matrix)
            blocks = self._update(number, layer, blocks, [*messages, *modal])
        features = blocks[0].squeeze(1)
        last = self._linear(READOUT, [*blocks, *modal])
        (energies,) = self._linear("reduce_hidden_to_energy", last)
        found: torch.Tensor = self.get_submodule(RESCALE)(energies.flatten(), batch.types)
        return found, features

    def _update(
        self,
        number: int,
        layer: Layer,
        blocks: Sequence[torch.Tensor],
        messages: Sequence[torch.Tensor],
    ) -> list[torch.Tensor]:
        """Return the features (N, components, channels) of the next layer, by irrep."""
        kept = self._part(number, "self_connection_intro")(blocks)
        sums = self._part(number, "self_interaction_2")(messages, kept)
        convolved = [sums[place] for place in range(len(layer.convolved))]
        functions = {1: FUNCTION}
        return apply_nonlinearity(convolved, layer.gate, functions, functions)

    def _modal_blocks(self, n_atoms: int, device: torch.device) -> list[torch.Tensor]:
        """Return the features that tell the levels of theory apart: 1 for that of the model."""
        if not self.modals:
            return []
        one_hot = torch.eye(self.modals, dtype=self.model_dtype, device=device)[self.modal]
        return [one_hot.expand(n_atoms, 1, self.modals)]

    def _linear(self, name: str, blocks: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Map all blocks of features to blocks of the same irreps."""
        found = self.get_submodule(name)(blocks)
        return [found[number] for number in range(len(found))]

    def _part(self, number: int, name: str) -> Any:
        return self.get_submodule(f"{number}_{name}")


def _scalars(channels: int) -> tuple[Features, ...]:
    return (Features(channels, Irrep(0, 1)),)
