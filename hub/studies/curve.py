"""Parts of a learning curve: starting points, trainings, and the resulting points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from hub.alchemy.search import AUTO
from hub.evaluation.metrics import ALL, Errors
from hub.library import open_model
from hub.training.reporter import Reporter

if TYPE_CHECKING:
    from pathlib import Path

    from hub.training.job import Job

SCRATCH = "scratch"


@dataclass(frozen=True)
class Start:
    """Starting point of trainings.

    Attributes
    ----------
    name
        Name in tables and plots.
    model
        A reference or directory; only its architecture if `from_scratch`, the default one if
        empty.
    from_scratch
        Whether to start from random weights.
    alchemical
        Whether to transfer the model to the elements of the data, with scales fitted to each
        training set.
    """

    name: str
    model: str
    from_scratch: bool = False
    alchemical: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a model's name or directory, ``scratch``, ``scratch=MODEL`` or ``auto=MODEL``.

        A version is pulled and pinned, so that a resumed training starts from the same one.

        Raises
        ------
        RegistryError
            As `hub.pull` does.
        """
        if text == SCRATCH:
            return cls(SCRATCH, "", from_scratch=True)
        place = text.removeprefix(f"{SCRATCH}=").removeprefix(f"{AUTO}=")
        how = text.removesuffix(place)
        opened = open_model(place)
        name, model = text, place
        if opened.version is not None:
            manifest = opened.version.manifest
            name, model = f"{how}{manifest.name}@{manifest.version}", str(opened.version.reference)
        return cls(name, model, how == f"{SCRATCH}=", how == f"{AUTO}=")

    def applied(self, job: Job) -> Job:
        """Return the job with this starting point."""
        return replace(
            job,
            model=self.model,
            from_scratch=self.from_scratch,
            alchemical=AUTO if self.alchemical else "",
        )


@dataclass(frozen=True)
class Training:
    """One training of a curve: starting point, number of structures, seed and run folder."""

    start: str
    size: int
    seed: int
    job: Job
    folder: Path


@dataclass(frozen=True)
class Point:
    """Result of one training.

    Attributes
    ----------
    start, size, seed
        The training.
    errors, before
        On the test set, after and before training; `before` is None for random weights.
    n_test
        Number of test structures.
    epochs, seconds
        Length of the training.
    """

    start: str
    size: int
    seed: int
    errors: Errors
    before: Errors | None
    n_test: int
    epochs: int
    seconds: float

    @classmethod
    def of(cls, training: Training, results: dict[str, Any]) -> Self:
        """Read the results of a run folder."""
        errors = results["errors"]
        return cls(
            training.start,
            training.size,
            training.seed,
            Errors.from_dict(errors["after"][ALL]),
            Errors.from_dict(errors["before"][ALL]) if errors["before"] else None,
            errors["n_structures"],
            results["training"]["epochs"],
            results["training"]["seconds"],
        )


class CurveReporter(Reporter):
    """Receives the progress of a curve, and ignores it."""

    def planned(self, trainings: int, finished: int, n_test: int) -> None:
        """Receive the numbers of trainings, of finished ones, and of test structures."""

    def trained(self, point: Point, finished: int) -> None:
        """Receive the result of a training, and the number of finished ones."""
