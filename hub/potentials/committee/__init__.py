"""Committees: several potentials in one model, whose spread measures their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from hub.potentials.architecture import Architecture
from hub.potentials.config import PotentialConfig
from registry.documents import MalformedError

if TYPE_CHECKING:
    import torch

    from hub.potentials.potential import Potential


@dataclass(frozen=True)
class CommitteeConfig(PotentialConfig):
    """The configurations of the members.

    Attributes
    ----------
    members
        The content of the ``config.json`` of each; all have the same elements in the same order.
    """

    architecture: Literal["committee"] = "committee"
    members: Annotated[tuple[dict[str, Any], ...], Meta(max_length=100)] = ()

    def card_entry(self) -> dict[str, Any]:
        """Return the ``model`` section of a model's card."""
        kind = {
            "name": self.architecture,
            "members": len(self.members),
            "of": self.members[0]["architecture"],
        }
        return super().card_entry() | {"architecture": kind}


class CommitteeArchitecture(Architecture):
    """The mean of several potentials of other architectures."""

    name = "committee"
    title = "committee"
    library = "mlip-hub"
    config = CommitteeConfig
    is_trainable = False  # its members are trained, each on its own

    def check(self, config: CommitteeConfig) -> None:
        """Refuse members that cannot be read, or do not belong together."""
        if len(config.members) < 2:
            raise MalformedError("'members': at least two are required")
        for number, member in enumerate(member_configs(config)):
            if member.architecture == self.name:
                raise MalformedError(f"'members[{number}]': a committee within a committee")
            if (member.type_names, member.r_max) != (config.type_names, config.r_max):
                raise MalformedError(f"'members[{number}]': other elements, or another cutoff")

    def build(self, config: CommitteeConfig, *, dtype: torch.dtype, seed: int = 0) -> Potential:
        """Build members with different random weights; see `Architecture.build`."""
        from hub.potentials.architectures import architecture_of
        from hub.potentials.committee.potential import Committee

        each = member_configs(config)
        members = [
            architecture_of(member).build(member, dtype=dtype, seed=seed + number)
            for number, member in enumerate(each)
        ]
        return Committee(config, members)

    def build_accelerated(
        self,
        config: CommitteeConfig,
        *,
        dtype: torch.dtype,
        device: torch.device,
        seed: int | None = None,
    ) -> Potential:
        """Build members in their fastest form; see `Architecture.build_accelerated`."""
        from hub.potentials.architectures import architecture_of
        from hub.potentials.committee.potential import Committee

        each = member_configs(config)
        members = [
            architecture_of(member).build_accelerated(
                member,
                dtype=dtype,
                device=device,
                seed=None if seed is None else seed + number,
            )
            for number, member in enumerate(each)
        ]
        return Committee(config, members)


def member_configs(config: CommitteeConfig) -> list[PotentialConfig]:
    """Return the configurations of the members.

    Raises
    ------
    MalformedError
        If one is invalid.
    IncompatibleModelError
        If the architecture of one is not installed.
    """
    from hub.potentials.architectures import parse_config

    return [parse_config(member) for member in config.members]
