"""SevenNets trained on several levels of theory together, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from hub.potentials.sevennet import SevenNet, SevenNetConfig
from registry.documents import MalformedError

Modal = Annotated[str, Meta(pattern="^[A-Za-z0-9]([A-Za-z0-9+._-]{0,30}[A-Za-z0-9])?$")]


@dataclass(frozen=True)
class SevenNetModalConfig(SevenNetConfig):
    """A SevenNet whose linear maps take the level of theory as further inputs.

    Attributes
    ----------
    modals
        The levels of theory that the weights were trained for, in the order of their inputs.
    modal
        The one that this model predicts.
    """

    architecture: Literal["sevennet-modal"] = "sevennet-modal"  # type: ignore[assignment]
    modals: Annotated[tuple[Modal, ...], Meta(max_length=20)] = ()
    modal: str = ""

    @property
    def modal_index(self) -> int:
        """The place of the model's own level of theory among `modals`."""
        return self.modals.index(self.modal)


class SevenNetModal(SevenNet):
    """Potentials of the SevenNet project for one of the levels of theory they were trained on."""

    name = "sevennet-modal"
    title = "SevenNet for several levels of theory"
    config = SevenNetModalConfig
    settings = ()

    def check(self, config: SevenNetConfig) -> None:
        """Refuse levels of theory that are unknown; and what `SevenNet` refuses."""
        if len(config.modals) < 2 or len(set(config.modals)) < len(config.modals):
            raise MalformedError("'modals': two or more different levels of theory are required")
        if getattr(config, "modal", "") not in config.modals:
            raise MalformedError(f"'modal': must be one of {', '.join(config.modals)}")
        super().check(config)
