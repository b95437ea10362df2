"""SevenNet as a potential, built by ``sevenn`` or compiled without it.

Of sevenn's network, only the part that gives the atomic energies is used: its own sums and
derivatives divide by a volume that may be zero, and modify their inputs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch

from hub.potentials.equivariant.derivatives import differentiate
from hub.potentials.equivariant.potential import CompilablePotential
from hub.potentials.kernels.pairs import find_pairs
from hub.potentials.sevennet.compiled import CompiledNetwork, is_compilable
from hub.potentials.sevennet.parts import FROZEN, READOUT, RESCALE

if TYPE_CHECKING:
    from hub.potentials.kernels.passes import Pass
    from hub.potentials.potential import Batch, Output
    from hub.potentials.sevennet import SevenNetConfig

_LAYER = re.compile(r"(\d+)_")


class SevenNetPotential(CompilablePotential):
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

    library = "sevenn"
    compiled_network = CompiledNetwork

    @classmethod
    def is_compilable(cls, config: SevenNetConfig) -> bool:
        """Say whether the kernels of a network compile in seconds."""
        return is_compilable(config)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the network; energies, scales and shifts are always float64."""
        return next(self.parameters()).dtype

    @property
    def max_edges(self) -> int:
        """Few: in a training step, SevenNet-0 takes 0.3 MB per edge, and compiled 22 kB."""
        return 50_000 if self.is_compiled else 10_000

    def library_output(self, batch: Batch) -> Output:
        """Predict with sevenn's modules."""
        # They take each edge in its own direction.
        pairs = find_pairs(batch.edges, batch.shifts, may_join=False)

        def energies_of(vectors: torch.Tensor, _: Pass) -> tuple[torch.Tensor, torch.Tensor]:
            return self._atomic_energies(batch, vectors)

        return differentiate(
            energies_of, batch, pairs, is_training=self.training, without_volume=0.0
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
            **self._modal_entries(types),
        }
        features = types
        for name, module in self.network.named_children():
            if name == READOUT:
                features = data["x"]
            data = module(data)
        return data["atomic_energy"].squeeze(1), features

    def _modal_entries(self, types: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what sevenn's modules need to know of the level of theory, as one structure."""
        if not self.config.modals:
            return {}
        modal = torch.tensor([self.config.modal_index], device=types.device)
        return {
            "batch": torch.zeros(len(types), dtype=torch.int64, device=types.device),
            "modal_type": modal,
            "modal_attr": torch.eye(len(self.config.modals), device=types.device)[modal],
        }

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
