"""The settings that a user gave, as stored in the run folder."""

from __future__ import annotations

import shlex
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from hub.errors import TrainingError
from hub.schemas import AtLeastOne, Convention, NotNegative, Positive
from hub.training.methods.choosing import parse_rates
from hub.training.recipe import (
    DEFAULT,
    DEFAULT_ALCHEMICAL,
    DEFAULT_FROM_SCRATCH,
    PRETRAIN,
    Recipe,
    choose_recipe,
    with_stop,
)
from hub.training.run_files import JOB_FORMAT, JOB_NAME, read_job, resume_command, write_json
from registry.documents import damage, fit_whole

if TYPE_CHECKING:
    from pathlib import Path

    from hub.structures.stress_labels import StressReading

DEFAULT_MODEL = "c-ace-pretrained"
SHIPPED_MODEL = "c-nep-pretrained"  # the best of those that need no network


@dataclass(frozen=True)
class SavedJob:
    """A job that is stored in its run folder, as ``run.json``."""

    command: ClassVar[str]  # the `hub` command that runs such jobs
    added_later: ClassVar[frozenset[str]] = frozenset()  # fields that older releases do not write
    option_names: ClassVar[dict[str, str]] = {"max_epochs": "epochs"}  # where they differ

    @classmethod
    def option(cls, name: str) -> str:
        """Return the command-line option that sets a field."""
        return f"--{cls.option_names.get(name, name).replace('_', '-')}"

    def to_resume(self, directory: Path | None) -> Path:
        """Return the run folder to resume, if its job agrees with all settings given in this one.

        Raises
        ------
        TrainingError
            If there is none, or it was started with other settings.
        """
        if directory is None:
            raise TrainingError("no run folder to resume given", hint="Name it with --out.")
        started = self.read(directory)
        for item in fields(self):
            value, kept = getattr(self, item.name), getattr(started, item.name)
            if value and value not in (item.default, kept):
                raise TrainingError(
                    f"{directory} was started with another {self.option(item.name)}",
                    hint="With --resume, leave out options: the run folder stores them.",
                )
        return directory

    def write(self, directory: Path) -> None:
        """Write as ``run.json``."""
        content = {"format": JOB_FORMAT, "command": self.command, **asdict(self)}
        write_json(directory / JOB_NAME, content)

    def command_line(self) -> str:
        """Return the command line of this job, without the settings of an architecture."""
        words = ["hub", self.command]
        for item in fields(self):
            value, option = getattr(self, item.name), self.option(item.name)
            # Omit empty options: without a model, --from-scratch uses the default architecture.
            if isinstance(value, dict) or value in (item.default, ""):
                continue
            for each in value if isinstance(value, tuple) else (value,):
                words += [option] if each is True else [option, str(each)]
        return shlex.join(words)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read ``run.json``.

        Raises
        ------
        TrainingError
            If the directory is not a run folder or another command's, or the file is corrupted.
        """
        path = directory / JOB_NAME
        if not path.exists():
            raise TrainingError(
                f"{directory} is not a run folder: {JOB_NAME} is missing",
                hint=f"Give the folder that `hub {cls.command}` printed when it started.",
            )
        command, content = read_job(path)
        if command != cls.command:
            raise TrainingError(
                f"{directory} is a run of `hub {command}`", hint=resume_command(directory)
            )
        later = {
            item.name: item.default if item.default_factory is MISSING else item.default_factory()
            for item in fields(cls)
            if item.name in cls.added_later
        }
        with damage(path, TrainingError, "Restore the file from a copy, or start a new run."):
            return fit_whole({**later, **content}, cls)


@dataclass(frozen=True)
class Job(SavedJob):
    """Complete description of one training, or of several that differ in their seed.

    Attributes
    ----------
    data
        Files, or patterns, of labelled structures.
    model
        Reference, run folder or model directory to start from. With `from_scratch`, only its
        architecture is used, or the default one if empty.
    test
        Files of test structures.
    n_train
        Number of training structures; all but the validation set if None.
    recipe
        ``default`` or ``paper``.
    max_epochs, learning_rate, batch_size
        Override the recipe if not None.
    from_scratch
        Start from random weights.
    device
        ``auto``, ``cpu``, ``cuda`` ...
    seed
        Random seed of the split, the order of the structures and initial weights.
    seeds
        Number of trainings, with consecutive seeds from `seed`; the best is kept.
    labels
        Label set if `data` is a dataset (a reference or directory); the only one if empty.
    energy_key, forces_key
        Names of the labels; detected if None.
    stress_key, stress_convention
        See `hub.structures.stress_labels.StressReading`.
    stress_weight
        Overrides the recipe if not None.
    alchemical
        If not empty, transfer the model to the elements of the data: ``auto``, a length scale, or
        length and energy scale, ``1.52,0.25``.
    element_map
        Element mapping for `alchemical`, such as ``C=Si``; determined if empty.
    allow
        Codes of errors that do not stop the training.
    architecture
        With `from_scratch`: ``architecture``, its name, and the settings that differ from its
        defaults; those of `model` if empty.
    method
        Which weights and data to train on; see `hub.training.methods.choosing.Method.parse`.
    group_rates
        Multipliers of the learning rate by parameter group, ``embedding=0.1,readout=2``.
    replayed
        With the method ``replay``, the number of replayed structures for each training structure.
    stop
        ``early``, ``last``, ``all`` or ``k-fold``; the recipe's rule if None.
    general
        Labelled structures to measure forgetting on.
    keep
        With several seeds, the ``best``, or all of them as a ``committee``.
    """

    command: ClassVar[str] = "finetune"
    added_later: ClassVar[frozenset[str]] = frozenset(
        {
            "allow", "stress_key", "stress_convention", "stress_weight", "method", "group_rates",
            "stop", "keep", "general", "architecture", "replayed",
        }
    )  # fmt: skip
    option_names: ClassVar[dict[str, str]] = {
        **SavedJob.option_names, "architecture": "model_config"
    }  # fmt: skip

    data: tuple[str, ...]
    model: str = DEFAULT_MODEL
    test: tuple[str, ...] = ()
    n_train: AtLeastOne | None = None
    recipe: str = "default"
    max_epochs: AtLeastOne | None = None
    learning_rate: Positive | None = None
    batch_size: AtLeastOne | None = None
    from_scratch: bool = False
    device: str = "auto"
    seed: int = 0
    seeds: AtLeastOne = 1
    labels: str = ""
    energy_key: str | None = None
    forces_key: str | None = None
    stress_key: str | None = None
    stress_convention: Convention = "ase"
    stress_weight: NotNegative | None = None
    alchemical: str = ""
    element_map: str = ""
    allow: tuple[str, ...] = ()
    architecture: dict[str, Any] = field(default_factory=dict, hash=False)
    method: str = "full"
    group_rates: str = ""
    replayed: AtLeastOne | None = None
    stop: Literal["early", "last", "all", "k-fold"] | None = None
    keep: Literal["best", "committee"] = "best"
    general: tuple[str, ...] = ()

    def with_seed(self, seed: int) -> Self:
        """Return the same job with only this seed."""
        return replace(self, seed=seed, seeds=1)

    @property
    def _needs_no_validation(self) -> bool:
        """Whether to train on the validation structures, too, unless the user says otherwise.

        With a test set, they are needed neither for an honest error, nor to choose an epoch of a
        fine-tuning: cards/learning_curves/methods.md. Random weights need them, as does a choice
        among several seeds.
        """
        is_chosen = self.seeds > 1 and self.keep == "best"
        is_default = self.recipe == "default" and not self.from_scratch
        return bool(self.test) and is_default and not is_chosen

    def resolved_recipe(self) -> Recipe:
        """Return the recipe with this job's changes."""
        default = DEFAULT_ALCHEMICAL if self.alchemical else DEFAULT
        default = DEFAULT_FROM_SCRATCH if self.from_scratch else default
        stop = self.stop or ("all" if self._needs_no_validation else None)
        recipe = with_stop(choose_recipe(self.recipe, default), stop)
        return recipe.with_changes(
            group_rates=parse_rates(self.group_rates),
            replayed=self.replayed,
            max_epochs=self.max_epochs,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            stress_weight=self.stress_weight,
        )

    def stress(self) -> StressReading:
        """Return what is known about the stresses of the data."""
        from hub.structures.stress_labels import StressReading

        return StressReading(self.stress_key, self.stress_convention)


@dataclass(frozen=True)
class PretrainJob(SavedJob):
    """Complete description of a pre-training.

    Attributes
    ----------
    data
        A dataset: a reference or a directory.
    labels
        Its label set to learn; the only one if empty.
    n
        Number of training structures, drawn evenly from the trajectories; all that are not held out
        if None.
    where
        Condition on columns of the dataset that the structures must meet.
    held_out
        Maximum number of structures for validation, and for testing.
    max_force
        Structures with a larger force, in eV/Å, are left out.
    architecture
        ``architecture``, its name, and the settings that differ from its defaults.
    recipe
        ``default`` or ``paper``.
    max_epochs, max_hours, learning_rate, batch_size
        Override the recipe if not None.
    device
        ``auto``, ``cpu``, ``cuda`` ...
    seed
        Random seed of the split, the order of the structures and initial weights.
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
