"""Recipes: all numerical settings of a training."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from msgspec import Meta

from hub.errors import TrainingError
from hub.schemas import AtLeastOne, Count, NotNegative, Positive
from hub.training.run_files import RECIPE_NAME as FILE_NAME
from hub.training.run_files import REPLACE, read_json, write_json
from registry.documents import damage, fit_whole

if TYPE_CHECKING:
    from pathlib import Path

_FOLDS = 3
_ADDED_LATER = (
    "validation",
    "folds",
    "end_epoch",
    "group_rates",
    "replayed",
)  # older recipes lack them
_LAST_RATE = 0.01  # of the full learning rate, at the end of a cosine schedule


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes
    ----------
    name
        Name of the recipe.
    learning_rate
        Maximum learning rate of Adam.
    schedule
        ``constant``, or ``cosine``: decay from the full rate to a hundredth of it at the end.
    batch_size
        Number of structures per step.
    max_epochs
        Maximum number of passes over the training structures.
    patience
        Stop after this many epochs without a lower force error on the validation structures; never
        if zero.
    keep
        ``best``, the weights of the epoch with the lowest force error on the validation structures,
        or ``last``: a few validation structures may lack the difficult cases.
    min_delta
        An error counts as lower only if it decreases by this much, in eV/Å.
    energy_weight
        The loss is this times the mean squared energy error per atom, (eV/atom)^2, plus the mean
        squared error of the force components, (eV/Å)^2,
    stress_weight
        plus this times the mean squared error of the stress components, (eV/Å^3)^2.
    ema_decay
        Decay of the exponential moving average of the weights, which is validated and kept.
    max_gradient_norm
        Gradients are clipped to this norm; no clipping if zero.
    max_hours
        End at the last epoch that fits into this many hours; no limit if zero.
    validation
        ``held-out``, or ``trained-on``: the validation structures are trained on, too, and no epoch
        is chosen by them.
    folds
        If not zero, cross-validate with as many parts to choose the epoch to end at, then train on
        everything.
    end_epoch
        End after this epoch although the learning rate decays until the last one, if not zero.
    group_rates
        Multipliers of the learning rate, by parameter group.
    replayed
        With the method ``replay``, the number of replayed structures for each training structure.
    """

    name: str
    learning_rate: Positive
    schedule: Literal["constant", "cosine"]
    batch_size: AtLeastOne
    max_epochs: AtLeastOne
    patience: Count
    keep: Literal["best", "last"]
    min_delta: NotNegative
    energy_weight: NotNegative
    stress_weight: NotNegative
    ema_decay: Annotated[float, Meta(ge=0, lt=1)]
    max_gradient_norm: NotNegative
    max_hours: NotNegative = 0.0
    validation: Literal["held-out", "trained-on"] = "held-out"
    folds: Count = 0
    end_epoch: Count = 0
    group_rates: dict[str, float] = field(default_factory=dict)
    replayed: AtLeastOne = 1

    def with_changes(self, **changes: Any) -> Self:
        """Return a copy with the changes that are not None."""
        return replace(
            self, **{name: value for name, value in changes.items() if value is not None}
        )

    def rate(self, done: float) -> float:
        """Return the learning rate after a fraction of the epochs, from 0 to 1."""
        if self.schedule == "constant":
            return self.learning_rate
        phase = (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * (_LAST_RATE + (1 - _LAST_RATE) * phase)

    def write(self, directory: Path) -> None:
        """Write as ``recipe.json``."""
        write_json(directory / FILE_NAME, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read ``recipe.json``.

        Raises
        ------
        TrainingError
            If it is missing or corrupted.
        """
        path = directory / FILE_NAME
        content = read_json(path, dict[str, Any])
        # Older releases had no stresses, and kept the last epoch without patience.
        content.setdefault("stress_weight", 0.0)
        content.setdefault("keep", "best" if content.get("patience") else "last")
        for name in _ADDED_LATER:
            content.setdefault(name, {} if name == "group_rates" else getattr(cls, name))
        with damage(path, TrainingError, REPLACE):
            return fit_whole(content, cls)


# The published settings: Gardner, Baker, Deringer 2023, src/defaults.yaml of their repository and
# the defaults of NequIP 0.5.6 for what it does not set (Adam at 0.01, no schedule, no clipping).
PAPER = Recipe(
    name="paper",
    learning_rate=0.01,
    schedule="constant",
    batch_size=10,
    max_epochs=300,
    patience=40,
    keep="best",
    min_delta=0.005,
    energy_weight=4.0,
    stress_weight=0.0,
    ema_decay=0.99,
    max_gradient_norm=0.0,
)

# Silicon labelled by an EDIP potential, 25 structures, weights 0, 100, 1,000 and 10,000: test
# errors of 37, 38, 31, 29 meV/atom, 0.806, 0.802, 0.803, 0.831 eV/Å and 1.85, 1.96, 1.80, 1.68 GPa.
# 1,000 is the largest weight that does not worsen the forces.
DEFAULT = Recipe(
    name="default",
    learning_rate=0.002,
    schedule="cosine",
    batch_size=5,
    max_epochs=60,
    patience=30,
    keep="best",
    min_delta=0.0,
    energy_weight=40.0,
    stress_weight=1000.0,
    ema_decay=0.99,
    max_gradient_norm=10.0,
)

# A model with random weights needs a higher learning rate and more epochs.
DEFAULT_FROM_SCRATCH = DEFAULT.with_changes(
    name="default-from-scratch", learning_rate=0.01, max_epochs=200, patience=50
)

# A model of another element has more to unlearn: with the default rate, force errors of silicon are
# 50 % larger after as many epochs. And ten validation structures that happen to lack strong
# distortions stop it long before it has learned those (cards/learning_curves/silicon.md).
DEFAULT_ALCHEMICAL = DEFAULT.with_changes(
    name="default-alchemical", learning_rate=0.01, max_epochs=80, patience=0, keep="last"
)

# For thousands of structures: the published rate, but decaying over a fixed number of epochs, since
# the error is then lowest at the end; and gradients clipped, since melts have large forces.
PRETRAIN = DEFAULT.with_changes(
    name="pretrain",
    learning_rate=0.01,
    batch_size=10,
    max_epochs=100,
    patience=100,
    energy_weight=4.0,
)


_PATIENCE = 30
# When a training ends, and which epoch it keeps.
STOPS: dict[str, dict[str, Any]] = {
    "early": {"keep": "best", "patience": _PATIENCE, "validation": "held-out"},
    "last": {"keep": "last", "patience": 0, "validation": "held-out"},
    "all": {"keep": "last", "patience": 0, "validation": "trained-on"},
    "k-fold": {"keep": "last", "patience": 0, "validation": "trained-on", "folds": _FOLDS},
}


def with_stop(recipe: Recipe, stop: str | None) -> Recipe:
    """Return a recipe with a rule of `STOPS`; its own if None.

    Raises
    ------
    TrainingError
        If there is no such rule.
    """
    if not stop:
        return recipe
    if stop not in STOPS:
        raise TrainingError(f"unknown rule {stop!r}", hint=f"Choose one of: {', '.join(STOPS)}")
    changes = STOPS[stop]
    if stop == "early" and recipe.patience:
        changes = changes | {"patience": recipe.patience}
    return recipe.with_changes(folds=0).with_changes(**changes)


def keeps_best(recipe: dict[str, Any]) -> bool:
    """Whether a recipe, as in the results of this and older releases, keeps the best epoch."""
    return bool(recipe.get("keep", "best" if recipe["patience"] else "last") == "best")


def choose_recipe(name: str, default: Recipe) -> Recipe:
    """Return the recipe of that name, where ``default`` means the given one.

    Raises
    ------
    TrainingError
        If there is no such recipe.
    """
    recipes = {"paper": PAPER, "default": default}
    if name not in recipes:
        raise TrainingError(f"unknown recipe {name!r}", hint=f"Choose one of: {', '.join(recipes)}")
    return recipes[name]
