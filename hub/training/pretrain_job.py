"""What a person asked to be pre-trained, as it is kept in the run folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from hub.schemas import AtLeastOne, Positive
from hub.training.job import SavedJob
from hub.training.recipe import PRETRAIN, Recipe, choose_recipe


@dataclass(frozen=True)
class PretrainJob(SavedJob):
    """One pre-training, fully described.

    Attributes
    ----------
    data
        A dataset: a reference or a directory.
    labels
        Its label set to learn; the only one if empty.
    n
        How many structures to train on, drawn evenly over the trajectories; all that are not held
        out if None.
    where
        A condition on columns of the dataset that the structures fit.
    held_out
        How many structures at most to validate on, and as many to judge by at the end.
    max_force
        Structures with a larger force, in eV/Å, are left out.
    architecture
        ``architecture``, the name of one, and those of its settings that differ from its own.
    recipe
        ``default`` or ``paper``.
    max_epochs, max_hours, learning_rate, batch_size
        Replace the recipe's if not None.
    device
        ``auto``, ``cpu``, ``cuda`` ...
    seed
        Decides the split, the order of the structures and random weights.
    """

    command: ClassVar[str] = "pretrain"
    option_names: ClassVar[dict[str, str]] = {
        "n": "n_train", "max_epochs": "epochs", "architecture": "model_config"
    }  # fmt: skip

    data: str
    labels: str = ""
    n: AtLeastOne | None = None
    where: str | None = None
    held_out: AtLeastOne = 200
    max_force: Positive = 50.0
    architecture: dict[str, Any] = field(default_factory=dict)
    recipe: str = "default"
    max_epochs: AtLeastOne | None = None
    max_hours: Positive | None = None
    learning_rate: Positive | None = None
    batch_size: AtLeastOne | None = None
    device: str = "auto"
    seed: int = 0

    def resolved_recipe(self) -> Recipe:
        """Return the recipe with this job's changes."""
        return choose_recipe(self.recipe, PRETRAIN).with_changes(
            max_epochs=self.max_epochs,
            max_hours=self.max_hours,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
        )
