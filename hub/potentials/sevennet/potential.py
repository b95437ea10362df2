"""SevenNet as a potential, built by ``sevenn`` or compiled without it.

Of sevenn's network, only the part that gives the atomic energies is used: its own sums and
derivatives divide by a volume that may be zero, and modify their inputs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import torch

from hub.potentials.kernels import are_available, warn_of_slowness
from hub.potentials.potential import Batch, Output, Potential
from hub.potentials.sevennet.compiled import CompiledNetwork, is_compilable
from hub.potentials.sevennet.parts import FROZEN, READOUT, RESCALE

if TYPE_CHECKING:
    from hub.potentials.sevennet import SevenNetConfig

_LAYER = re.compile(r"(\d+)_")


class SevenNetPotential(Potential):
    """A SevenNet.

    Parameters
    ----------
    config
        Its configuration.
    network
        As built by :func:`~hub.potentials.sevennet.network.build_network`; or a
        :class:`~hub.potentials.sevennet.compiled.CompiledNetwork`.
    """

    config: SevenNetConfig

    def __init__(self, config: SevenNetConfig, network: torch.nn.Module) -> None:
        super().__init__(config)
        self.network = network

    @classmethod
    def compiles(cls, config: SevenNetConfig, device: torch.device) -> bool:
        """Say whether a potential can be compiled for a device."""
        return are_available(device) and is_compilable(config)

    @classmethod
    def compiled(cls, config: SevenNetConfig, dtype: torch.dtype) -> Self:
        """Return a compiled potential without weights."""
        return cls(config, CompiledNetwork(config, dtype))

    @property
    def is_compiled(self) -> bool:
        """Whether compiled kernels compute it, and not sevenn's modules."""
        return isinstance(self.network, CompiledNetwork)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the network; energies, scales and shifts are always float64."""
        return next(self.parameters()).dtype

    @property
    def max_edges(self) -> int:
        """Few: in a training step, SevenNet-0 takes 0.3 MB per edge, and compiled 22 kB."""
        return 50_000 if self.is_compiled else 10_000

    def forward(self, batch: Batch) -> Output:
        """Predict energies and their derivatives."""
        if self.is_compiled:
            output: Output = self.network(batch)
            return output
        centres, neighbours = batch.edges
        n_atoms, n_structures = len(batch.types), len(batch.sizes)
        vectors = _edge_vectors(batch).detach().requires_grad_()
        atomic_energies, features = self._atomic_energies(batch, vectors)
        energies = _sums(atomic_energies, batch.structure, n_structures)
        (pulls,) = torch.autograd.grad(
            energies.sum(), vectors, create_graph=self.training, materialize_grads=True
        )
        virials = pulls[:, :, None] * vectors[:, None, :]
        virials = _sums(virials, batch.structure[centres], n_structures)
        return Output(
            energies=energies,
            forces=_sums(pulls, centres, n_atoms) - _sums(pulls, neighbours, n_atoms),
            stresses=(virials + virials.mT) / (2 * _volumes(batch)[:, None, None]),
            atomic_energies=atomic_energies,
            features=features,
        )

    def _atomic_energies(
        self, batch: Batch, vectors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the atomic energies, and the inputs of the read-out."""
        types = torch.nn.functional.one_hot(batch.types, len(self.elements)).to(self.dtype)
        data = {
            "x": types,
            "atom_type": batch.types,
            "edge_index": batch.edges,
            "edge_vec": vectors.to(self.dtype),
        }
        features = types
        for name, module in self.network.named_children():
            if name == READOUT:
                features = data["x"]
            data = module(data)
        return data["atomic_energy"].squeeze(1), features

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the parameters, normalisations of the sums over neighbours, scales and shifts."""
        buffers = self.network.named_buffers()
        frozen = {name: value for name, value in buffers if name.rpartition(".")[2] in FROZEN}
        return {**dict(self.network.named_parameters()), **frozen}

    def energy_terms(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scale and the shift (eV) of each element's atomic energy: two (n,) tensors."""
        rescale: Any = self.network.get_submodule(RESCALE)
        return rescale.scale, rescale.shift

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return the parameters: embedding, interaction-0 ..., readout."""
        groups: dict[str, list[torch.nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            layer = _LAYER.match(name)
            other = "readout" if name.startswith("reduce_") else "embedding"
            group = f"interaction-{layer[1]}" if layer else other
            groups.setdefault(group, []).append(parameter)
        return groups

    def accelerate(self) -> Self:
        """Compile the network where that is possible."""
        if self.is_compiled:
            return self
        if self.compiles(self.config, self.device):
            weights, device = self.weights(), self.device
            network = CompiledNetwork(self.config, self.dtype).to(device)
            self.network = network.train(self.training)
            self.set_weights(weights, "the network")
        elif self.device.type == "cpu":
            warn_of_slowness("sevenn", "its l_max is too high for them")
        return self


def _edge_vectors(batch: Batch) -> torch.Tensor:
    """Return the vectors (E, 3) in Å from centres to neighbours."""
    centres, neighbours = batch.edges
    cells = batch.cells[batch.structure[centres]]
    translations = torch.einsum("ei,eij->ej", batch.shifts, cells)
    return batch.positions[neighbours] - batch.positions[centres] + translations


def _sums(values: torch.Tensor, places: torch.Tensor, size: int) -> torch.Tensor:
    """Sum the rows of `values` with equal indices in `places`, into `size` rows."""
    return values.new_zeros(size, *values.shape[1:]).index_add(0, places, values)


def _volumes(batch: Batch) -> torch.Tensor:
    """Return the volumes (B,) in Å^3; infinite without a cell, so that the stress vanishes."""
    volumes = torch.linalg.det(batch.cells).abs()
    return torch.where(volumes > 0, volumes, torch.inf)
