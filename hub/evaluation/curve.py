"""What a learning curve is made of: starts, trainings, and the points that come of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from hub.evaluation.metrics import Errors
from hub.evaluation.tables import ALL
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
    """

    name: str
    model: str
    from_scratch: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a model's name or directory, ``scratch``, or ``scratch=MODEL``.

        A version is pulled, and fixed: what is resumed later begins with the same.

        Raises
        ------
        RegistryError
            As `hub.pull` does.
        """
        if text == SCRATCH:
            return cls(SCRATCH, "", from_scratch=True)
        place = text.removeprefix(f"{SCRATCH}=")
        opened = open_model(place)
        if opened.version is None:
            return cls(text, place, from_scratch=place != text)
        manifest = opened.version.manifest
        name = text.removesuffix(place) + f"{manifest.name}@{manifest.version}"
        return cls(name, str(opened.version.reference), from_scratch=place != text)


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
