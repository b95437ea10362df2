"""The interface of potentials for training, evaluation, dynamics and export."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import torch

from hub.errors import AlchemyError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.potentials.config import PotentialConfig


_MATRIX = 2  # dimensions


@dataclass(frozen=True)
class Batch:
    """B structures with N atoms and E edges in total, as tensors on one device.

    Attributes
    ----------
    positions : (N, 3) float64, Å
    types : (N,) int64, indices into the potential's elements
    cells : (B, 3, 3) float64, Å, lattice vectors in rows; zero without a cell
    edges : (2, E) int64, centre and neighbour of each pair, in both directions
    shifts : (E, 3) float64, lattice translations of the neighbour, in cells
    sizes : (B,) int64, atoms of each structure
    structure : (N,) int64, index of the structure that each atom belongs to
    half : (E / 2,) int64, one edge of each pair; None if that is not known
    """

    positions: torch.Tensor
    types: torch.Tensor
    cells: torch.Tensor
    edges: torch.Tensor
    shifts: torch.Tensor
    sizes: torch.Tensor
    structure: torch.Tensor
    half: torch.Tensor | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Output:
    """The predictions of a potential for a batch.

    Attributes
    ----------
    energies : (B,) eV
    forces : (N, 3) eV/Å
    stresses : (B, 3, 3) eV/Å^3, positive under tension as in ASE; undefined without a cell
    atomic_energies : (N,) eV; they sum to the energies
    features : (N, F) rotationally invariant inputs of the read-out for each atom
    energy_spread : (B,) eV, standard deviation over the members of a committee; None of others
    force_spread : (N, 3) eV/Å, the same for forces
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor
    atomic_energies: torch.Tensor
    features: torch.Tensor
    energy_spread: torch.Tensor | None = None
    force_spread: torch.Tensor | None = None


class Potential(torch.nn.Module, ABC):
    """An interatomic potential in memory.

    Parameters
    ----------
    config
        Its configuration.
    """

    def __init__(self, config: PotentialConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols, in the order of the types."""
        return self.config.type_names

    @property
    def cutoff(self) -> float:
        """The cutoff radius in Å."""
        return self.config.r_max

    @property
    def max_edges(self) -> int | None:
        """Maximum number of edges at once if a batch can be divided; None for no limit.

        The parts of a batch give the same sum, and limit the memory.
        """
        return None

    @property
    def device(self) -> torch.device:
        """The device on which it computes."""
        return next(self.parameters()).device

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """The precision of the network: float64 or float32."""

    @abstractmethod
    def forward(self, batch: Batch) -> Output:
        """Predict energies and their derivatives; gradients must be enabled.

        In training mode the forces and stresses can be differentiated again.
        """

    @abstractmethod
    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all tensors determined by training or fitting, by their names in the file.

        These are the tensors themselves, including energy scales and shifts.
        """

    @abstractmethod
    def energy_terms(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scale and the shift (eV) of each element's atomic energy: two (n,) views."""

    @abstractmethod
    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return the trainable parameters, each once: embedding, interaction-0 ..., readout."""

    def matrices(self) -> list[tuple[torch.nn.Parameter, tuple[tuple[int, int], ...]]]:
        """Return the trainable parameters that hold matrices, with the shapes of these.

        The numbers of a parameter are those of its matrices, row by row, one after the other.
        """
        return [
            (parameter, ((parameter.shape[0], parameter.shape[1]),))
            for parameter in self.parameters()
            if parameter.requires_grad and parameter.ndim == _MATRIX
        ]

    def weights(self) -> dict[str, torch.Tensor]:
        """Return :meth:`tensors` detached and on the CPU."""
        tensors = self.tensors().items()
        return {name: value.detach().cpu().contiguous() for name, value in tensors}

    def set_weights(self, weights: Mapping[str, torch.Tensor], source: str) -> None:
        """Copy a complete set of weights into the potential.

        Parameters
        ----------
        weights
            As returned by :meth:`weights`.
        source
            Their origin, for messages.

        Raises
        ------
        ModelError
            If names or shapes do not match the potential, or a number is not finite.
        """
        require_finite(weights, source)
        expected = self.tensors()
        missing, unknown = set(expected) - set(weights), set(weights) - set(expected)
        if missing or unknown:
            raise ModelError(
                f"{source} does not match the configuration: "
                f"{len(missing)} tensors missing, {len(unknown)} unknown "
                f"({', '.join(sorted(missing | unknown)[:3])})"
            )
        with torch.no_grad():
            for name, value in weights.items():
                if expected[name].shape != value.shape:
                    raise ModelError(
                        f"{source}: {name} has shape {tuple(value.shape)}, expected "
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
        """Return the factor that scales each element's atomic energy before the shift."""
        return dict(zip(self.elements, self.energy_terms()[0].tolist(), strict=True))

    def set_energy_scales(self, scale: float) -> None:
        """Set the factor that scales the atomic energies of all elements before the shifts."""
        self._set_energy_term(0, [scale] * len(self.elements))

    def _set_energy_term(self, place: int, values: Sequence[float]) -> None:
        with torch.no_grad():
            term = self.energy_terms()[place]
            term.copy_(torch.tensor(values, dtype=term.dtype))

    def accelerate(self) -> Self:
        """Replace parts by faster ones with the same result, in place."""
        return self

    def transmuted(
        self,
        config: PotentialConfig,  # noqa: ARG002 - all arguments are for subclasses
        sources: Sequence[int],  # noqa: ARG002
        scale: float,  # noqa: ARG002
        energy_scale: float,  # noqa: ARG002
    ) -> Potential:
        """Return E'(x') = `energy_scale` E(x' / `scale`), the same function for other elements.

        Parameters
        ----------
        config
            Configuration of the new potential, with its elements and the scaled cutoff.
        sources
            For each new element, the type of this potential from which it is made.
        scale, energy_scale
            Scale factors of lengths and energies.

        Raises
        ------
        AlchemyError
            If potentials of this architecture cannot be scaled.
        """
        raise AlchemyError(
            f"the architecture {self.config.architecture} does not support scaling of lengths",
            "Start from a model of an architecture that does, e.g. c-ace-pretrained.",
        )


def require_finite(tensors: Mapping[str, torch.Tensor], source: str) -> None:
    """Raise `ModelError` if a tensor contains a number that is not finite."""
    for name, value in tensors.items():
        if not value.double().isfinite().all():  # not all types support it
            raise ModelError(
                f"{source} contains numbers that are not finite: {name}",
                "The model is corrupted, or its training diverged: pull or train it again.",
            )
