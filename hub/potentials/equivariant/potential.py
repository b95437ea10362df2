"""Potentials whose network is either built by a library or compiled without it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import torch

from hub.potentials.equivariant.weights import matrix_shapes
from hub.potentials.kernels import are_available, warn_of_slowness
from hub.potentials.potential import Batch, Output, Potential


class CompilablePotential(Potential):
    """A potential of one network, which computes by a library's modules or by compiled kernels.

    Parameters
    ----------
    config
        Its configuration.
    network
        Built by the library; or a :attr:`compiled_network`, whose parameters have the same names.

    Attributes
    ----------
    library
        The name of the library, for messages.
    compiled_network
        The class of the compiled networks, which takes a configuration and a precision.
    """

    library: ClassVar[str]
    compiled_network: ClassVar[type[torch.nn.Module]]

    def __init__(self, config: Any, network: torch.nn.Module) -> None:
        super().__init__(config)
        self.network = network

    @classmethod
    @abstractmethod
    def is_compilable(cls, config: Any) -> bool:
        """Say whether the kernels of a network compile in seconds."""

    @abstractmethod
    def library_output(self, batch: Batch) -> Output:
        """Predict with the network that the library has built."""

    @classmethod
    def compiles(cls, config: Any, device: torch.device) -> bool:
        """Say whether a potential can be compiled for a device."""
        return are_available(device) and cls.is_compilable(config)

    @classmethod
    def compiled(cls, config: Any, dtype: torch.dtype) -> Self:
        """Return a compiled potential without weights."""
        return cls(config, cls.compiled_network(config, dtype))

    @property
    def is_compiled(self) -> bool:
        """Whether compiled kernels compute it, and not the library's modules."""
        return isinstance(self.network, self.compiled_network)

    def forward(self, batch: Batch) -> Output:
        """Predict energies and their derivatives."""
        if not self.is_compiled:
            return self.library_output(batch)
        output: Output = self.network(batch)
        return output

    def matrices(self) -> list[tuple[torch.nn.Parameter, tuple[tuple[int, int], ...]]]:
        """Return the trainable parameters that hold matrices, with the shapes of these."""
        found = super().matrices()
        for module in self.network.modules():
            weight = getattr(module, "weight", None)
            if not isinstance(weight, torch.nn.Parameter) or weight.ndim > 1:
                continue
            if weight.requires_grad and (shapes := matrix_shapes(module)):
                found.append((weight, shapes))
        return found

    def accelerate(self) -> Self:
        """Compile the network where that is possible; else say so if it is to run on a CPU."""
        if self.is_compiled:
            return self
        if self.compiles(self.config, self.device):
            weights, device = self.weights(), self.device
            network = self.compiled_network(self.config, self.dtype).to(device)
            self.network = network.train(self.training)
            self.set_weights(weights, "the network")
        elif self.device.type == "cpu":
            warn_of_slowness(self.library, "its l_max is too high for them")
        return self
