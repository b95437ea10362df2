"""Fine-tuning a model of other elements: find the scales once, keep them in the run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.alchemy.plot import plot_search
from hub.alchemy.search import Request, Search, search_transmutation
from hub.errors import AlchemyError
from hub.training.run_files import SEARCH_NAME, SEARCH_PLOT_NAME, read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from hub.potentials.potential import Potential
    from hub.structures.structure_set import StructureSet
    from hub.training.job import Job
    from hub.training.reporter import Reporter


def requested(job: Job) -> Request | None:
    """Return what a job asks for; None if its model is to stay what it is.

    Raises
    ------
    AlchemyError
        If it cannot be understood, or there is no model to begin with.
    """
    if not job.alchemical:
        if job.element_map:
            raise AlchemyError(
                "--element-map means nothing without --alchemical", "Add --alchemical auto."
            )
        return None
    if job.from_scratch:
        raise AlchemyError(
            "random weights cannot be carried to another element",
            "Leave out --from-scratch, or --alchemical. For the scaled cutoff take the "
            "architecture of what `hub transmute` makes: --from-scratch --model NAME.",
        )
    return Request.parse(job.alchemical, job.element_map)


def find_transmutation(
    job: Job,
    potential: Potential,
    train: StructureSet,
    folder: Path,
    reporter: Reporter,
) -> Search | None:
    """Search for the scales that a job asks for, or read those found before it was stopped.

    None if its model is to stay what it is.

    Raises
    ------
    AlchemyError
        As `hub.alchemy.search.search_transmutation` does.
    TrainingError
        If what was kept is damaged.
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
