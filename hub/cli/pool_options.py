"""The options that choose where tasks are worked on: in processes here, on Dask, or by SLURM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli.arguments import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.jobs.pool import Pool

_CLUSTERS = (
    click.option(
        "--dask", metavar="ADDRESS", help="Work on a Dask cluster, such as tcp://10.0.0.1:8786."
    ),
    click.option(
        "--slurm",
        type=JsonObject(),
        metavar="JSON",
        help="Work in SLURM jobs: what dask_jobqueue.SLURMCluster takes.",
    ),
)


def pool_options(jobs_help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command ``--jobs``, ``--dask`` and ``--slurm``, for `chosen_pool`."""
    jobs = click.option("--jobs", type=click.IntRange(min=1), metavar="N", help=jobs_help)

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed((jobs, *_CLUSTERS)):
            command = option(command)
        return command

    return give


def chosen_pool(jobs: int | None, dask: str | None, slurm: dict[str, Any] | None) -> Pool | None:
    """Return where the options say that tasks are to be worked on; None if they do not say.

    Raises
    ------
    JobError
        If there is no such cluster.
    """
    if dask is not None:
        if jobs is not None or slurm is not None:
            raise click.UsageError("--dask takes the workers that there are: no --jobs, no --slurm")
        from hub.jobs.dask_pool import DaskPool

        return DaskPool(dask)
    if slurm is not None:
        if jobs is None:
            raise click.UsageError("--slurm needs --jobs, the number of processes to ask for")
        from hub.jobs.dask_pool import SlurmPool

        return SlurmPool(slurm, jobs)
    if jobs is None:
        return None
    from hub.jobs.pool import LocalPool

    return LocalPool(jobs)
