"""What a learning curve is made of: starts, trainings, and the points that come of them."""

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
    """What trainings begin with.

    Attributes
    ----------
    name
        In tables and plots.
    model
        A reference or directory; its architecture alone if `from_scratch`, the default one if
        empty.
    from_scratch
        Random weights.
    alchemical
        Whether the model is carried to the elements of the data, with scales found anew from
        each training set.
    """

    name: str
    model: str
    from_scratch: bool = False
    alchemical: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a model's name or directory, ``scratch``, ``scratch=MODEL`` or ``auto=MODEL``.

        A version is pulled, and fixed: what is resumed later begins with the same.

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
        """Return a job that starts with this."""
        return replace(
            job,
            model=self.model,
            from_scratch=self.from_scratch,
            alchemical=AUTO if self.alchemical else "",
        )


@dataclass(frozen=True)
class Training:
    """One training of a curve: where it starts, on how many structures, and its run folder."""

    start: str
    size: int
    seed: int
    job: Job
    folder: Path


@dataclass(frozen=True)
class Point:
    """What came of one training.

    Attributes
    ----------
    start, size, seed
        Which training it was.
    errors, before
        On the test set, after and before training; none before a start from random weights.
    n_test
        Structures of the test set.
    epochs, seconds
        How long the training was.
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
    """Is told how the curve grows; tells nobody."""

    def planned(self, trainings: int, finished: int, n_test: int) -> None:
        """Hear how many trainings there are, how many of them are finished, and the test set."""

    def trained(self, point: Point, finished: int) -> None:
        """Hear what came of a training, and how many are finished now."""
