"""An architecture of a few lines: pairs of atoms that repel each other, with two weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from hub.potentials.architecture import Architecture
from hub.potentials.config import PotentialConfig
from hub.potentials.potential import Output, Potential


@dataclass(frozen=True)
class SpringsConfig(PotentialConfig):
    architecture: Literal["springs"] = "springs"


class SpringsPotential(Potential):
    def __init__(self, config, dtype, seed):
        super().__init__(config)
        generator = torch.Generator().manual_seed(seed)
        self.stiffness = torch.nn.Parameter(1 + torch.rand(1, generator=generator, dtype=dtype))
        self.range = torch.nn.Parameter(torch.ones(1, dtype=dtype))
        self.scale = torch.nn.Parameter(torch.ones(1, dtype=dtype))
        count = len(config.type_names)
        self.register_buffer("scales", torch.ones(count, dtype=torch.float64))
        self.register_buffer("shifts", torch.zeros(count, dtype=torch.float64))

    @property
    def dtype(self):
        return self.stiffness.dtype

    def tensors(self):
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def energy_terms(self):
        return self.scales, self.shifts

    def parameter_groups(self):
        return {
            "embedding": [self.range], "interaction-0": [self.stiffness], "readout": [self.scale],
        }  # fmt: skip

    def forward(self, batch):
        strain = torch.zeros_like(batch.cells, requires_grad=True)
        positions = batch.positions.detach().requires_grad_()
        moved = positions + torch.einsum("ni,nij->nj", positions, strain[batch.structure])
        cells = batch.cells + batch.cells @ strain
        centres, neighbours = batch.edges
        shifts = torch.einsum("ei,eij->ej", batch.shifts, cells[batch.structure[centres]])
        lengths = (moved[neighbours] - moved[centres] + shifts).norm(dim=1)
        near = (1 - lengths / self.cutoff).clamp(min=0).to(self.dtype)
        pairs = self.stiffness * near**3 * torch.exp(-(self.range**2) * lengths.to(self.dtype))
        features = torch.zeros(len(positions), dtype=self.dtype).index_add(0, centres, pairs)
        atomic = self.scale * features * self.scales[batch.types] + self.shifts[batch.types]
        energies = torch.zeros(len(batch.sizes), dtype=atomic.dtype)
        energies = energies.index_add(0, batch.structure, atomic)
        forces, stresses = torch.autograd.grad(
            energies.sum(), [positions, strain], create_graph=self.training
        )
        volumes = batch.cells.det().abs().clamp(min=1e-30)
        stresses = (stresses + stresses.transpose(1, 2)) / 2 / volumes[:, None, None]
        return Output(energies, -forces, stresses, atomic, features[:, None])


class Springs(Architecture):
    name = "springs"
    title = "springs"
    library = "hub-springs"
    config = SpringsConfig
    settings = ("r_max",)

    def build(self, config, *, dtype, seed=0):
        return SpringsPotential(config, dtype, seed)
