"""Where tasks run, in plain values: on processes here, on a Dask cluster, or in SLURM jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.errors import JobError
from hub.jobs.pool import LocalPool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.jobs.pool import Pool


def choose_pool(
    jobs: int | None = None,
    dask: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    python: str = "",
) -> Pool | None:
    """Return the pool that was asked for; None if none was.

    Parameters
    ----------
    jobs
        Number of processes, here or in all SLURM jobs.
    dask
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``.
    slurm
        Arguments of ``dask_jobqueue.SLURMCluster``.
    python
        Interpreter of the environment in which the processes run; this one if empty.

    Raises
    ------
    JobError
        If the values contradict each other, or the cluster cannot be reached.
    """
    if python and (dask is not None or slurm is not None):
        raise JobError(
            "a teacher with its own environment can only run on this machine",
            "Leave out --dask and --slurm; or install the teacher on the workers of the cluster.",
        )
    if dask is not None:
        if jobs is not None or slurm is not None:
            raise JobError(
                "--dask cannot be combined with --jobs or --slurm",
                "It uses the workers that the cluster has; leave out the others.",
            )
        from hub.jobs.dask_pool import DaskPool

        return DaskPool(dask)
    if slurm is not None:
        if jobs is None:
            raise JobError(
                "--slurm needs --jobs", "Add --jobs N, the number of processes to request."
            )
        from hub.jobs.dask_pool import SlurmPool

        return SlurmPool(dict(slurm), jobs)
    return LocalPool(jobs or 0, python) if python or jobs is not None else None
