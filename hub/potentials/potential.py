"""What training, evaluation, dynamics and export may ask of any potential."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from hub.errors import AlchemyError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.potentials.config import PotentialConfig


@dataclass(frozen=True)
class Batch:
    """B structures with N atoms and E edges in all, as tensors on one device.

    Attributes
    ----------
    positions : (N, 3) float64, Å
    types : (N,) int64, indices into the potential's elements
    cells : (B, 3, 3) float64, Å, lattice vectors in rows; zero where there is none
    edges : (2, E) int64, centre and neighbour of each pair, in both directions
    shifts : (E, 3) float64, lattice translations of the neighbour, in cells
    sizes : (B,) int64, atoms of each structure
    structure : (N,) int64, the structure that each atom is in
    """

    positions: torch.Tensor
    types: torch.Tensor
    cells: torch.Tensor
    edges: torch.Tensor
    shifts: torch.Tensor
    sizes: torch.Tensor
    structure: torch.Tensor


@dataclass(frozen=True)
class Output:
    """What a potential predicts for a batch.

    Attributes
    ----------
    energies : (B,) eV
    forces : (N, 3) eV/Å
    stresses : (B, 3, 3) eV/Å^3, positive under tension as in ASE; undefined without a cell
    atomic_energies : (N,) eV; they sum to the energies
    features : (N, F) what the read-out sees of each atom; does not change with rotations
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor
    atomic_energies: torch.Tensor
    features: torch.Tensor


class Potential(torch.nn.Module, ABC):
    """An interatomic potential in memory.

    Parameters
    ----------
    config
        What it is, apart from its weights.

    Attributes
    ----------
    is_trainable
        Whether its weights can be trained.
    """

    is_trainable: bool = True

    def __init__(self, config: PotentialConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols, in the order of the types."""
        return self.config.type_names

    @property
    def cutoff(self) -> float:
        """The distance in Å beyond which atoms are no neighbours."""
        return self.config.r_max

    @property
    def max_edges(self) -> int | None:
        """Edges that it is to be given at once where a batch can be divided; None for any number.

        The parts of a batch add up to the same, and so bound the memory.
        """
        return None

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.parameters()).device

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """The precision of the network: float64 or float32."""

    @abstractmethod
    def forward(self, batch: Batch) -> Output:
        """Predict energies and their derivatives; gradients must be enabled.

        In training mode the forces and stresses can be differentiated once more.
        """

    @abstractmethod
    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything that training or fitting determines, by the names in the file.

        These are the tensors themselves, energy scales and shifts included.
        """

    @abstractmethod
    def energy_terms(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scale and the shift (eV) of each element's atomic energy: two (n,) views."""

    @abstractmethod
    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return the trainable parameters, each once: embedding, interaction-0 ..., readout."""

    def weights(self) -> dict[str, torch.Tensor]:
        """Return :meth:`tensors` detached and on the CPU."""
        tensors = self.tensors().items()
        return {name: value.detach().cpu().contiguous() for name, value in tensors}

    def set_weights(self, weights: Mapping[str, torch.Tensor], source: str) -> None:
        """Copy weights into the potential, all of them and no other.

        Parameters
        ----------
        weights
            As :meth:`weights` returns them.
        source
            Where they came from, for messages.

        Raises
        ------
        ModelError
            If names or shapes differ from what the potential needs, or a number is not finite.
        """
        require_finite(weights, source)
        expected = self.tensors()
        missing, unknown = set(expected) - set(weights), set(weights) - set(expected)
        if missing or unknown:
            raise ModelError(
                f"{source} does not fit its configuration: "
                f"{len(missing)} tensors missing, {len(unknown)} unknown "
                f"({', '.join(sorted(missing | unknown)[:3])})"
            )
        with torch.no_grad():
            for name, value in weights.items():
                if expected[name].shape != value.shape:
                    raise ModelError(
                        f"{source}: {name} has shape {tuple(value.shape)}, the architecture needs "
                        f"{tuple(expected[name].shape)}"
                    )
                expected[name].copy_(value)

    def energy_shifts(self) -> dict[str, float]:
        """Return the energy (eV) that each element adds per atom."""
        return dict(zip(self.elements, self.energy_terms()[1].tolist(), strict=True))

    def set_energy_shifts(self, shifts: Mapping[str, float]) -> None:
        """Set the energy (eV) that each element adds per atom."""
        self._set_energy_term(1, [shifts[element] for element in self.elements])

    def energy_scales(self) -> dict[str, float]:
        """Return the factor on each element's atomic energy, before its shift."""
        return dict(zip(self.elements, self.energy_terms()[0].tolist(), strict=True))

    def set_energy_scales(self, scale: float) -> None:
        """Set the factor on the atomic energies of all elements, before their shifts."""
        self._set_energy_term(0, [scale] * len(self.elements))

    def _set_energy_term(self, place: int, values: Sequence[float]) -> None:
        with torch.no_grad():
            term = self.energy_terms()[place]
            term.copy_(torch.tensor(values, dtype=term.dtype))

    def accelerate(self) -> Self:
        """Exchange parts for faster ones with the same result, in place."""
        return self

    def transmuted(
        self,
        config: PotentialConfig,  # noqa: ARG002 - as are the others, for those that can
        sources: Sequence[int],  # noqa: ARG002
        scale: float,  # noqa: ARG002
        energy_scale: float,  # noqa: ARG002
    ) -> Potential:
        """Return E'(x') = `energy_scale` E(x' / `scale`), the same function for other elements.

        Parameters
        ----------
        config
            Of the new potential: its elements, and the scaled cutoff.
        sources
            The type of this potential that each new element is made of.
        scale, energy_scale
            Of lengths and of energies.

        Raises
        ------
        AlchemyError
            If potentials of this architecture cannot be scaled.
        """
        raise AlchemyError(
            f"potentials of the architecture {self.config.architecture} cannot be scaled in length",
            "Start from a model of an architecture that can, such as c-ace-pretrained.",
        )


def require_finite(tensors: Mapping[str, torch.Tensor], source: str) -> None:
    """Raise `ModelError` if a tensor holds a number that is not finite."""
    for name, value in tensors.items():
        if not value.double().isfinite().all():  # not all types know
            raise ModelError(
                f"{source} holds numbers that are not finite: {name}",
                "It is damaged, or comes from a training that diverged: pull or train it again.",
            )
