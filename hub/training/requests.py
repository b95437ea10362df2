"""What a job requests that can be refused before anything is read, and its transmutation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.alchemy.plot import plot_search
from hub.alchemy.search import Request, Search, search_transmutation
from hub.errors import AlchemyError, TrainingError
from hub.potentials.architectures import new_config
from hub.training.methods.choosing import FULL, REPLAY, Method
from hub.training.run_files import SEARCH_NAME, SEARCH_PLOT_NAME, read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from hub.potentials.potential import Potential
    from hub.structures import StructureSet
    from hub.training.job import Job
    from hub.training.reporter import Reporter


def require_usable(job: Job) -> None:
    """Refuse settings that contradict each other, before anything is made.

    Raises
    ------
    AlchemyError
        As :func:`requested` does.
    TrainingError
        If the settings of the architecture are invalid or cannot be used.
    """
    requested(job)
    if not job.architecture:
        return
    if not job.from_scratch or job.model:
        raise TrainingError(
            "a model has its own architecture",
            hint="Leave out --layers, --features, --l-max, --parity, --cutoff and --model-config, "
            "or train from random weights: --from-scratch, without --model.",
        )
    new_config(job.architecture, ("C",), "the architecture")


def requested(job: Job) -> Request | None:
    """Return the requested transmutation of a job; None if there is none.

    Raises
    ------
    AlchemyError
        If the request is invalid, or there is no model to start from.
    TrainingError
        If there is no such method, or it needs a model to start from, or if structures are replayed
        without `replay`.
    """
    method = Method.parse(job.method).name
    if job.replayed is not None and method != REPLAY:
        raise TrainingError("--replayed requires --method replay", "Add --method replay.")
    if method != FULL and job.from_scratch:
        raise TrainingError(
            f"--method {job.method} requires a model to start from",
            "Leave out --from-scratch or --method.",
        )
    if not job.alchemical:
        if job.element_map:
            raise AlchemyError("--element-map requires --alchemical", "Add --alchemical auto.")
        return None
    if job.from_scratch:
        raise AlchemyError(
            "random weights cannot be transferred to another element",
            "Leave out --from-scratch or --alchemical. For the scaled cutoff, use the architecture "
            "of a model made by `hub transmute`: --from-scratch --model NAME.",
        )
    return Request.parse(job.alchemical, job.element_map)


def find_transmutation(
    job: Job,
    potential: Potential,
    train: StructureSet,
    folder: Path,
    reporter: Reporter,
) -> Search | None:
    """Search for the scales that a job requests, or read those found before an interruption.

    None if no transmutation is requested.

    Raises
    ------
    AlchemyError
        As `hub.alchemy.search.search_transmutation` does.
    TrainingError
        If the stored scales are corrupted.
    """
    request = requested(job)
    if request is None:
        return None
    path = folder / SEARCH_NAME
    if path.exists():
        return read_json(path, Search)
    progress = reporter.counting("scales")
    search = search_transmutation(potential, train, request, progress)
    if len(search.trials) > 1:
        plot_search(folder / SEARCH_PLOT_NAME, search)
    write_json(path, search.to_json())
    return search
