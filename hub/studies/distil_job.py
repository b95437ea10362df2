"""The settings of a distillation, as stored in its folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hub.errors import TrainingError
from hub.schemas import AtLeastOne, Convention
from hub.teachers.file_factory import names_file
from hub.training.job import SavedJob
from hub.training.run_files import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "distil.json"
PRETRAIN_EPOCHS = 50


@dataclass(frozen=True)
class DistilJob(SavedJob):
    """Complete description of a distillation.

    Attributes
    ----------
    data, labels, test, n_train, seed, energy_key, forces_key, stress_key, stress_convention, allow
        As for `hub.training.job.Job`.
    teacher, params, arguments, python
        The teacher, or empty for the best of all that cover the elements; its parameter file,
        options and interpreter.
    force
        Distil even if the teacher is worse than training from scratch.
    finetune_teacher
        Fine-tune the teacher on the data first.
    schedule
        Numbers of the synthesis that differ from their defaults.
    pretrain_epochs
        Number of passes over the synthetic structures.
    architecture
        Settings of the student.
    device
        For trainings.
    """

    command: ClassVar[str] = "distil"
    option_names: ClassVar[dict[str, str]] = {"architecture": "layers"}

    data: tuple[str, ...]
    labels: str = ""
    test: tuple[str, ...] = ()
    n_train: AtLeastOne | None = None
    seed: int = 0
    teacher: str = ""
    params: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    python: str = ""
    force: bool = False
    finetune_teacher: bool = False
    schedule: dict[str, Any] = field(default_factory=dict)
    pretrain_epochs: AtLeastOne = PRETRAIN_EPOCHS
    architecture: dict[str, Any] = field(default_factory=dict)
    energy_key: str | None = None
    forces_key: str | None = None
    stress_key: str | None = None
    stress_convention: Convention = "ase"
    allow: tuple[str, ...] = ()
    device: str = "auto"

    def to_resume(self, directory: Path | None) -> Path:
        """Return the folder to resume, if its job agrees with all settings given in this one.

        A teacher that executes code from a file has to be named again: the folder may be from
        somebody else.

        Raises
        ------
        TrainingError
            If there is none, it was started with other settings, or the teacher is not named.
        """
        folder = super().to_resume(directory)
        started = self.read(folder)
        decisive = ("teacher", "params", "python")
        runs_files = names_file(started.teacher) or started.params or started.python
        if runs_files and any(getattr(self, name) != getattr(started, name) for name in decisive):
            options = " ".join(
                f"--{name} {getattr(started, name)}" for name in decisive if getattr(started, name)
            )
            raise TrainingError(
                f"the teacher of {folder} executes code from a file, which has to be named again",
                f"If you trust it, add: {options}",
            )
        return folder

    def write(self, directory: Path) -> None:
        """Write as ``distil.json``."""
        write_json(directory / FILE_NAME, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read ``distil.json``.

        Raises
        ------
        TrainingError
            If the directory is not a distillation's, or the file is corrupted.
        """
        path = directory / FILE_NAME
        if not path.exists():
            raise TrainingError(
                f"{directory} is not the folder of a distillation: {FILE_NAME} is missing",
                "Give the folder that `hub distil` printed when it started.",
            )
        return read_json(path, cls)
