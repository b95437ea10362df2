"""What a person asked for, as it is kept in the run folder."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from hub.errors import TrainingError
from hub.schemas import AtLeastOne, NotNegative, Positive
from hub.training.recipe import (
    DEFAULT,
    DEFAULT_ALCHEMICAL,
    DEFAULT_FROM_SCRATCH,
    PRETRAIN,
    Recipe,
    choose_recipe,
)
from hub.training.run_files import JOB_FORMAT, JOB_NAME, read_job, resume_command, write_json
from registry.documents import damage, fit_whole

if TYPE_CHECKING:
    from pathlib import Path

    from hub.structures.stress_labels import StressReading

Convention = Literal["ase", "compression", "gpa", "vasp"]
DEFAULT_MODEL = "c-ace-pretrained"


@dataclass(frozen=True)
class SavedJob:
    """A job that is kept in its run folder, as ``run.json``."""

    command: ClassVar[str]  # of `hub`, that does such jobs
    added_later: ClassVar[frozenset[str]] = frozenset()  # fields that older releases do not write
    option_names: ClassVar[dict[str, str]] = {"max_epochs": "epochs"}  # where a field has another

    @classmethod
    def option(cls, name: str) -> str:
        """Return the option of the command that sets a field."""
        return f"--{cls.option_names.get(name, name).replace('_', '-')}"

    def to_resume(self, directory: Path | None) -> Path:
        """Return the run folder to resume, if its job is this one as far as this one says.

        Raises
        ------
        TrainingError
            If there is none, or it was started with other settings.
        """
        if directory is None:
            raise TrainingError("no run folder to resume is given", hint="Name it with --out.")
        started = self.read(directory)
        for item in fields(self):
            value, kept = getattr(self, item.name), getattr(started, item.name)
            if value and value not in (item.default, kept):
                raise TrainingError(
                    f"{directory} was started with another {self.option(item.name)}",
                    hint="With --resume, leave out what the run folder already says.",
                )
        return directory

    def write(self, directory: Path) -> None:
        """Write as ``run.json``."""
        content = {"format": JOB_FORMAT, "command": self.command, **asdict(self)}
        write_json(directory / JOB_NAME, content)

    def command_line(self) -> str:
        """Return what to type to do this job; settings of an architecture are left out."""
        words = ["hub", self.command]
        for item in fields(self):
            value, option = getattr(self, item.name), self.option(item.name)
            # No option is given empty: without a model --from-scratch takes the default one's.
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
            If the directory is no run folder or another command's, or the file is damaged.
        """
        path = directory / JOB_NAME
        if not path.exists():
            raise TrainingError(
                f"{directory} is no run folder: {JOB_NAME} is missing",
                hint=f"Name the folder that `hub {cls.command}` printed when it started.",
            )
        command, content = read_job(path)
        if command != cls.command:
            raise TrainingError(
                f"{directory} is a run of `hub {command}`", hint=resume_command(directory)
            )
        by_default = {item.name: item.default for item in fields(cls)}
        later = {name: by_default[name] for name in cls.added_later}
        with damage(path, TrainingError, "Put a copy of the file back, or start a new run."):
            return fit_whole({**later, **content}, cls)


@dataclass(frozen=True)
class Job(SavedJob):
    """One training, or several that differ in their seed, fully described.

    Attributes
    ----------
    data
        Files, or patterns, of labelled structures.
    model
        Reference, run folder or model directory to start from. With `from_scratch` only its
        architecture is taken, or the default one if empty.
    test
        Files of held-out structures.
    n_train
        How many structures to train on; all but the validation set if None.
    recipe
        ``default`` or ``paper``.
    max_epochs, learning_rate, batch_size
        Replace the recipe's if not None.
    from_scratch
        Start from random weights.
    device
        ``auto``, ``cpu``, ``cuda`` ...
    seed
        Decides the split, the order of the structures and random weights.
    seeds
        How many trainings, with seeds counted up from `seed`; the best is kept.
    labels
        Where `data` is a dataset (a reference or directory), its label set; the only one if empty.
    energy_key, forces_key
        Names of the labels; found by looking if None.
    stress_key, stress_convention
        See `hub.structures.stress_labels.StressReading`.
    stress_weight
        Replaces the recipe's if not None.
    alchemical
        If not empty, the model is carried to the elements of the data: ``auto``, a length scale,
        or length and energy scale, ``1.52,0.25``.
    element_map
        Which of the model's elements becomes which, such as ``C=Si``; found if empty.
    allow
        Codes of findings that do not stop the training though they are errors.
    """

    command: ClassVar[str] = "finetune"
    added_later: ClassVar[frozenset[str]] = frozenset(
        {"allow", "stress_key", "stress_convention", "stress_weight"}
    )

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

    def with_seed(self, seed: int) -> Self:
        """Return the same job with this seed alone."""
        return replace(self, seed=seed, seeds=1)

    def resolved_recipe(self) -> Recipe:
        """Return the recipe with this job's changes."""
        default = DEFAULT_ALCHEMICAL if self.alchemical else DEFAULT
        default = DEFAULT_FROM_SCRATCH if self.from_scratch else default
        recipe = choose_recipe(self.recipe, default)
        return recipe.with_changes(
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
