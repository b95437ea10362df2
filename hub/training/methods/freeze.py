"""Train only the last layers of a potential, and keep the others as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import TrainingError
from hub.training.methods.full import Full, group_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.potentials.potential import Potential


class Freeze(Full):
    """Keep all parameter groups up to one of them; train those after it.

    Parameters
    ----------
    potential
        As the training starts from it; its frozen weights stop requiring gradients.
    rates
        As for `Full`.
    last_frozen
        The last group that is kept; the middle one if empty.

    Raises
    ------
    TrainingError
        If the potential has no such group, or nothing would be trained.
    """

    def __init__(
        self, potential: Potential, rates: Mapping[str, float], last_frozen: str = ""
    ) -> None:
        groups, names = potential.parameter_groups(), group_names(potential)
        last = last_frozen or names[(len(names) - 1) // 2]
        if last not in names[:-1]:
            raise TrainingError(
                f"cannot freeze the model up to {last!r}", f"Choose one of: {', '.join(names[:-1])}"
            )
        for name in names[: names.index(last) + 1]:
            for parameter in groups[name]:
                parameter.requires_grad = False
        super().__init__(potential, rates)


def only_readout(potential: Potential, rates: Mapping[str, float]) -> Freeze:
    """Train only the read-out, from the features of each atom to its energy."""
    return Freeze(potential, rates, group_names(potential)[-2])
