"""The method that a user chose, such as ``freeze:interaction-1``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from hub.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.potentials.potential import Potential
    from hub.training.methods.full import Full

FULL, READOUT, FREEZE, LORA, L2_SP, REPLAY = (
    "full", "readout", "freeze", "lora", "l2-sp", "replay"
)  # fmt: skip
# What may follow the name of each; nothing if empty.
SETTINGS = {
    FULL: "", READOUT: "", FREEZE: "GROUP", LORA: "RANK", L2_SP: "STRENGTH", REPLAY: "DATA"
}  # fmt: skip


@dataclass(frozen=True)
class Method:
    """A method and its setting.

    Attributes
    ----------
    name
        ``full``, ``readout``, ``freeze``, ``lora``, ``l2-sp`` or ``replay``.
    setting
        The last frozen parameter group, the rank, the strength of the pull, or the structures to
        replay; the method's default if empty.
    """

    name: str
    setting: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name`` or ``name:setting``.

        Raises
        ------
        TrainingError
            If there is no such method, or the setting is invalid.
        """
        name, colon, setting = text.partition(":")
        if name not in SETTINGS:
            raise TrainingError(f"unknown method {name!r}", f"Choose one of: {', '.join(SETTINGS)}")
        if colon and not (SETTINGS[name] and setting):
            form = f"{name}:{SETTINGS[name]}" if SETTINGS[name] else name
            raise TrainingError(f"invalid --method {text!r}", f"Give it as {form}.")
        method = cls(name, setting)
        if name == LORA:
            method.rank()
        if name == L2_SP:
            method.strength()
        return method

    def rank(self) -> int:
        """Return the rank of LoRA."""
        from hub.training.methods.lora import DEFAULT_RANK

        if not self.setting:
            return DEFAULT_RANK
        if not (self.setting.isdecimal() and int(self.setting) > 0):
            raise TrainingError(
                f"the rank of LoRA must be a positive integer, got {self.setting!r}",
                "For example --method lora:4.",
            )
        return int(self.setting)

    def strength(self) -> float:
        """Return the strength of the pull of L2-SP."""
        from hub.training.methods.l2_sp import DEFAULT_STRENGTH

        if not self.setting:
            return DEFAULT_STRENGTH
        try:
            strength = float(self.setting)
        except ValueError:
            strength = -1.0
        if not 0 < strength < float("inf"):
            raise TrainingError(
                f"the strength of L2-SP must be a positive number, got {self.setting!r}",
                "For example --method l2-sp:0.01.",
            )
        return strength

    def build(self, potential: Potential, rates: Mapping[str, float], seed: int) -> Full:
        """Return the method for a potential, as the training starts from it.

        Raises
        ------
        TrainingError
            If the potential has no such parameter group, or no matrices.
        """
        from hub.training.methods.freeze import Freeze, only_readout
        from hub.training.methods.full import Full
        from hub.training.methods.l2_sp import PullToStart
        from hub.training.methods.lora import LowRank

        if self.name == READOUT:
            return only_readout(potential, rates)
        if self.name == FREEZE:
            return Freeze(potential, rates, self.setting)
        if self.name == LORA:
            return LowRank(potential, rates, self.rank(), seed)
        if self.name == L2_SP:
            return PullToStart(potential, rates, self.strength())
        return Full(potential, rates)  # replay changes only the data


def parse_rates(text: str) -> dict[str, float]:
    """Read factors of the learning rate, such as ``embedding=0.1,readout=2``.

    Raises
    ------
    TrainingError
        If one is not a number, or negative.
    """
    rates = {}
    for item in filter(None, text.split(",")):
        group, _, number = item.partition("=")
        try:
            rates[group.strip()] = float(number)
        except ValueError:
            rates[group.strip()] = -1.0
        if not 0 <= rates[group.strip()] < float("inf"):
            raise TrainingError(
                f"invalid --group-rates {item!r}",
                "Give factors of the learning rate, e.g. embedding=0.1,readout=2.",
            )
    return rates
