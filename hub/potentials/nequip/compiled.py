"""NequIP's networks without NequIP: the same functions and weights, computed by compiled kernels.

Channels are the last dimension of all features. Lengths, directions, the radial basis and energies
are float64, as NequIP's are.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from hub.potentials.equivariant.derivatives import differentiate
from hub.potentials.equivariant.edges import harmonics
from hub.potentials.equivariant.layers import are_compilable
from hub.potentials.equivariant.nonlinear import apply_nonlinearity
from hub.potentials.equivariant.weights import IrrepLinear, hidden_numbers
from hub.potentials.kernels.convolution import convolve
from hub.potentials.kernels.inputs import checked
from hub.potentials.kernels.pairs import find_pairs
from hub.potentials.nequip.edges import CutoffTable, RadialBasis
from hub.potentials.nequip.parameters import Embedding, EnergyTerms, Perceptron, Readout
from hub.potentials.nequip.plan import plan_network
from hub.potentials.nequip.repulsion import NuclearRepulsion
from hub.potentials.nequip.stock import StockConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.potentials.equivariant.layers import Layer
    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.kernels.passes import Pass
    from hub.potentials.nequip.onehot import OneHotConfig
    from hub.potentials.nequip.plan import Plan
    from hub.potentials.potential import Batch, Output

    Convolve = Callable[..., tuple[torch.Tensor, ...]]


def is_compilable(config: OneHotConfig | StockConfig) -> bool:
    """Say whether the kernels of a network compile in seconds: up to l_max 3, with parity.

    A network with gates that are always zero, which NequIP can make, is not compiled either.
    """
    layers = plan_network(config).layers
    return are_compilable(layers) and all(
        len({each.target for each in layer.after.weights}) == len(layer.convolved)
        for layer in layers
    )


class CompiledNetwork(torch.nn.Module):
    """A network with the parameters of NequIP's, under the same names.

    Parameters
    ----------
    config
        The configuration.
    dtype
        Precision of the network.
    """

    def __init__(self, config: OneHotConfig | StockConfig, dtype: torch.dtype) -> None:
        super().__init__()
        self.plan = plan = plan_network(config)
        self.model_dtype = dtype
        self.n_types = n_types = len(config.type_names)
        self.type_embed = Embedding(n_types, plan.type_width, dtype)
        self.bessel_encode = RadialBasis(plan, config.r_max, dtype)
        self.onehot = Embedding.one_hot(n_types, dtype) if plan.has_one_hot_types else None
        by_type = config.neighbors_per_type if isinstance(config, StockConfig) else ()
        norms = [1 / math.sqrt(number) for number in by_type or (config.avg_num_neighbors,)]
        for number, (layer, sizes) in enumerate(zip(plan.layers, plan.radial_sizes, strict=True)):
            self.add_module(f"layer{number}_convnet", Interaction(layer, sizes, norms, plan, dtype))
        last = plan.layers[-1].outputs[0].channels
        self.per_atom_energy_readout = Readout(
            Perceptron(last, plan.readout_sizes, 1, plan.readout_nonlinearity, dtype)
        )
        self.per_type_energy_scale_shift = EnergyTerms(
            n_types, scales_trained=plan.scales_trainable, shifts_trained=plan.shifts_trainable
        )
        self.cutoffs = CutoffTable(config)
        exponent = plan.zbl_polynomial_cutoff_p
        self.repulsion = (
            None if exponent is None else NuclearRepulsion(config.type_names, exponent, dtype)
        )

    @checked
    def forward(self, batch: Batch) -> Output:
        """Predict energies and their derivatives."""
        may_join = self.cutoffs.is_symmetric
        pairs = find_pairs(batch.edges, batch.shifts, may_join=may_join, half=batch.half)
        energies = functools.partial(self._atomic_energies, batch, pairs)
        return differentiate(energies, batch, pairs, is_training=self.training)

    def _atomic_energies(
        self, batch: Batch, pairs: Pairs, vectors: torch.Tensor, state: Pass
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the atomic energies (N,), and the inputs of the read-out."""
        atoms = Atoms.of_types(batch.types, self.n_types)
        kinds = batch.types[pairs.first], batch.types[pairs.second]
        lengths = vectors.square().sum(1, keepdim=True).sqrt()
        x = lengths * self.cutoffs(*kinds)
        edges = harmonics(vectors / lengths, self.plan.l_max).to(self.model_dtype)
        embedding = self.type_embed()
        attributes = embedding if self.onehot is None else self.onehot()
        blocks = [embedding[atoms.types][:, None, :]]
        interactions = self.interactions()
        networks = [each.conv.edge_mlp for each in interactions]
        hidden = hidden_numbers(networks, self.bessel_encode(x))
        placed = pairs.renumbered(atoms.places)
        for interaction, numbers in zip(interactions, hidden, strict=True):
            convolve_with = functools.partial(
                convolve, pairs=placed, state=state, harmonics=edges, hidden=numbers
            )
            blocks = interaction(blocks, atoms, attributes, convolve_with)
        features = blocks[0].squeeze(1)
        energies = self.per_atom_energy_readout(features).squeeze(1)
        energies = self.per_type_energy_scale_shift(energies, atoms.types)
        energies, features = energies[atoms.places], features[atoms.places]
        if self.repulsion is not None:
            each = self.repulsion(*kinds, lengths.squeeze(1), x.squeeze(1)).double()
            energies = energies.index_add(0, pairs.first, each)
            if pairs.ways == 2:
                energies = energies.index_add(0, pairs.second, each)
        return energies, features

    def interactions(self) -> list[Interaction]:
        """Return the interactions, in their order."""
        return [each for each in self.children() if isinstance(each, Interaction)]


@dataclass(frozen=True)
class Atoms:
    """The atoms of a batch in the order of their types, so that those of each are together.

    Attributes
    ----------
    types : (N,)
        Ascending, except on a GPU.
    places : (N,)
        Where each atom of the batch is.
    present
        The types that occur.
    counts
        Number of atoms of each of these; None on a GPU, where the order is the batch's because
        the host would wait for these numbers.
    """

    types: torch.Tensor
    places: torch.Tensor
    present: torch.Tensor
    counts: tuple[int, ...] | None

    @classmethod
    def of_types(cls, types: torch.Tensor, n_types: int) -> Atoms:
        """Take atoms (N,) of some of `n_types` types."""
        numbers = torch.arange(len(types), device=types.device)
        if types.is_cuda:
            present = torch.arange(n_types, device=types.device)
            return cls(types, numbers, present, (len(types),) if n_types == 1 else None)
        ordered, order = types.sort(stable=True)
        present, counts = ordered.unique_consecutive(return_counts=True)
        places = torch.empty_like(order)
        places[order] = numbers
        return cls(ordered, places, present, tuple(counts.tolist()))


class Convolution(torch.nn.Module):
    """The weights of an interaction."""

    def __init__(
        self, layer: Layer, radial_sizes: Sequence[int], plan: Plan, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.linear_1 = IrrepLinear(layer.before, dtype)
        self.edge_mlp = Perceptron(
            plan.num_bessels,
            radial_sizes,
            layer.product.n_weights,
            plan.radial_nonlinearity,
            dtype,
        )
        self.linear_2 = IrrepLinear(layer.after, dtype)
        connection = layer.self_connection
        self.sc = None if connection is None else IrrepLinear(connection, dtype)


class Interaction(torch.nn.Module):
    """One interaction of the atoms with their neighbours."""

    norms: torch.Tensor

    def __init__(
        self,
        layer: Layer,
        radial_sizes: Sequence[int],
        norms: Sequence[float],
        plan: Plan,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.layer, self.scalars, self.gates = layer, plan.scalars, plan.gates
        self.conv = Convolution(layer, radial_sizes, plan, dtype)
        self.register_buffer("norms", torch.tensor(norms, dtype=dtype), persistent=False)

    def forward(
        self,
        blocks: list[torch.Tensor],
        atoms: Atoms,
        attributes: torch.Tensor,
        convolve_with: Convolve,
    ) -> list[torch.Tensor]:
        """Return the features (N, components, channels) of the next layer, by irrep.

        Parameters
        ----------
        blocks
            The features of this one.
        atoms
            The types.
        attributes : (T, A)
            The vector of each type that the self-connection takes.
        convolve_with
            Sums products of neighbours' features, given the last matrix of the radial network.
        """
        layer, conv = self.layer, self.conv
        sent = conv.linear_1(blocks, {})
        features = [sent[number] for number in range(len(blocks))]
        matrix = conv.edge_mlp.last_matrix()
        if len(self.norms) == 1:
            matrix = matrix * self.norms  # the messages are linear in it, and it is small
        else:
            features = [each * self.norms[atoms.types][:, None, None] for each in features]
        messages = convolve_with(layer.product, features=features, matrix=matrix)
        sums: dict[int, torch.Tensor] = {}
        if conv.sc is not None:
            if atoms.counts is None:
                sums = conv.sc.by_atom(blocks, attributes[atoms.types])
            else:
                sums = conv.sc.by_type(blocks, attributes[atoms.present], atoms.counts)
        sums = conv.linear_2(messages, sums)
        convolved = [sums[number] for number in range(len(layer.convolved))]
        found = apply_nonlinearity(convolved, layer.gate, self.scalars, self.gates)
        if layer.adds_inputs:
            found = [one + other for one, other in zip(found, blocks, strict=True)]
        return found
