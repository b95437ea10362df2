"""Options that choose where tasks run: in local processes, on Dask, or in SLURM jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli.arguments import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable

_CLUSTERS = (
    click.option(
        "--dask", metavar="ADDRESS", help="Run on a Dask cluster, e.g. tcp://10.0.0.1:8786."
    ),
    click.option(
        "--slurm",
        type=JsonObject(),
        metavar="JSON",
        help="Run in SLURM jobs: arguments of dask_jobqueue.SLURMCluster.",
    ),
)


def pool_options(
    jobs_help: str, jobs_default: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--jobs``, ``--dask`` and ``--slurm`` to a command."""
    jobs = click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        show_default=jobs_default,
        help=jobs_help,
    )

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed((jobs, *_CLUSTERS)):
            command = option(command)
        return command

    return give
