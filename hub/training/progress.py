"""What each epoch of a training did, and where it stands."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch did.

    Attributes
    ----------
    epoch
        Its number, from 1.
    loss
        Mean over its steps.
    energy_rmse, force_rmse, stress_rmse
        On the validation structures, in meV/atom, eV/Å and GPa; NaN without labels.
    learning_rate
        At its last step.
    steps_back
        How often the learning rate has been halved so far.
    seconds, waiting
        It took, and waited for data.
    """

    epoch: int
    loss: float
    energy_rmse: float
    force_rmse: float
    stress_rmse: float
    learning_rate: float
    steps_back: int
    seconds: float
    waiting: float


@dataclass
class Progress:
    """Where a training stands; everything here goes into the saved state.

    `step`, `loss`, `seconds` and `waiting` are of the epoch that is not finished.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_force_rmse: float = math.inf
    reference_force_rmse: float = math.inf
    epochs_without_gain: int = 0
    steps_back: int = 0
    rate_factor: float = 1.0
    history: list[dict[str, float]] = field(default_factory=list)
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    waiting: float = 0.0


_ADDED_LATER = ("step", "loss", "seconds", "waiting")  # to Progress; older states lack them


def unfinished_epoch() -> dict[str, float]:
    """Return what older states do not say of an unfinished epoch: they have none."""
    return {name: value for name, value in asdict(Progress()).items() if name in _ADDED_LATER}
