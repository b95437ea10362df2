"""A committee in memory: mean and spread of several potentials."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from hub.errors import ModelError
from hub.potentials.committee import CommitteeConfig
from hub.potentials.potential import Batch, Output, Potential

if TYPE_CHECKING:
    from collections.abc import Sequence


class Committee(Potential):
    """The mean of several potentials; their standard deviations are its spread.

    Parameters
    ----------
    config
        With the configurations of the members.
    members
        The potentials, on one device and in one precision.
    """

    def __init__(self, config: CommitteeConfig, members: Sequence[Potential]) -> None:
        super().__init__(config)
        self._members = torch.nn.ModuleList(members)

    @property
    def members(self) -> list[Potential]:
        """The members."""
        return list(self._members)  # type: ignore[arg-type]

    @property
    def max_edges(self) -> int | None:
        """Maximum number of edges at once; the lowest of the members'."""
        limits = [each.max_edges for each in self.members if each.max_edges is not None]
        return min(limits, default=None)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the networks."""
        return self.members[0].dtype

    def forward(self, batch: Batch) -> Output:
        """Predict means over the members, and the spread of energies and forces."""
        outputs: list[Output] = [member(batch) for member in self.members]
        energies, forces = (
            torch.stack([getattr(each, name) for each in outputs])
            for name in ("energies", "forces")
        )
        return Output(
            energies=energies.mean(0),
            forces=forces.mean(0),
            stresses=torch.stack([each.stresses for each in outputs]).mean(0),
            atomic_energies=torch.stack([each.atomic_energies for each in outputs]).mean(0),
            features=torch.cat([each.features for each in outputs], dim=1),
            energy_spread=energies.std(0),
            force_spread=forces.std(0),
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return those of all members, with the number of the member before each name."""
        return {
            f"member-{number}.{name}": value
            for number, member in enumerate(self.members)
            for name, value in member.tensors().items()
        }

    def energy_terms(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the means over the members: copies, not views."""
        terms = [each.energy_terms() for each in self.members]
        scales, shifts = (torch.stack(values).mean(0) for values in zip(*terms, strict=True))
        return scales, shifts

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return no groups: the members are trained, not the committee."""
        return {}

    def accelerate(self) -> Committee:
        """Accelerate each member."""
        for member in self.members:
            member.accelerate()
        return self


def join(members: Sequence[Potential]) -> Committee:
    """Make a committee of potentials.

    Raises
    ------
    ModelError
        If their elements or cutoffs differ.
    """
    first = members[0].config
    if len({(each.elements, each.cutoff) for each in members}) > 1:
        raise ModelError("the members of a committee must have the same elements and cutoff")
    config = CommitteeConfig(
        type_names=first.type_names,
        r_max=first.r_max,
        avg_num_neighbors=first.avg_num_neighbors,
        energy_reference=first.energy_reference,
        members=tuple(asdict(each.config) for each in members),
    )
    return Committee(config, members)
