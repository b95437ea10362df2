"""Run tasks on other machines: on the workers of a Dask cluster, or of SLURM through Dask."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from hub.errors import JobError
from hub.jobs.pool import ONE_THREAD, Lost
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distributed import Client, Future

_INSTALL = "Install it: pip install 'mlip-hub[dask]'."
_PATIENCE = 30  # seconds within which a scheduler must answer
# The running task and those queued at each worker.
_TASKS_EACH = 2


class DaskPool:
    """The workers of a Dask cluster, each a process with one thread.

    They need the same packages and programs, and the files that a task reads or writes under the
    same paths: tasks start in the directory of this process, if it exists on the worker. Results
    are returned over the network. Workers may join and leave.

    Parameters
    ----------
    cluster
        The address of a scheduler, such as ``tcp://10.0.0.1:8786``, or a cluster object.
    workers
        Expected minimum number of workers; by default the current number.

    Raises
    ------
    JobError
        If Dask is not installed, the scheduler cannot be reached, or its workers have several
        threads.
    """

    def __init__(self, cluster: Any, workers: int = 0) -> None:
        try:
            from distributed import Client, as_completed
        except ImportError as problem:
            raise JobError("Dask is not installed", _INSTALL) from problem
        try:
            self._client: Client = Client(cluster, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as problem:
            raise JobError(
                f"cannot connect to a Dask scheduler at {cluster}: {problem}",
                "Start one (`dask scheduler`) and give the address that it prints.",
            ) from problem
        self._completed = as_completed(loop=self._client.loop)
        self._keys: dict[Future[Any], Any] = {}
        self.capacity = _TASKS_EACH * max(workers, self._count())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.cancel(list(self._keys), force=True)
        self._client.close()

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task on any worker."""
        future = self._client.submit(_in_directory, os.getcwd(), function, *arguments, pure=False)  # noqa: PTH109
        self._keys[future] = key
        self._completed.add(future)

    def wait(self) -> tuple[Any, Any]:
        """Return the key of a finished task with its result, or `Lost`.

        Raises
        ------
        JobError
            If the cluster is lost.
        RegistryError
            If the task raised it.
        """
        from distributed import CancelledError, KilledWorker

        future = next(self._completed)
        key = self._keys.pop(future)
        try:
            return key, future.result()
        except KilledWorker as problem:
            # Dask also blames tasks that were queued at a worker for its death.
            return key, Lost(f"every worker that tried died: {problem}", certain=False)
        except CancelledError as problem:
            raise JobError(
                "the connection to the Dask scheduler was lost",
                "Finished work is kept: continue with --resume.",
            ) from problem
        except RegistryError:
            raise
        except Exception as problem:  # anything, if a worker's environment differs
            raise JobError(
                f"a Dask worker failed: {problem}",
                "Workers need the same version of mlip-hub and of everything that the task uses.",
            ) from problem

    def _count(self) -> int:
        threads = self._client.nthreads()
        several = {address: count for address, count in threads.items() if count > 1}
        if several:
            address, count = next(iter(several.items()))
            self._client.close()
            raise JobError(
                f"the Dask worker {address} has {count} threads, but must have one",
                "Start workers with: dask worker ADDRESS --nworkers auto --nthreads 1.",
            )
        return max(1, len(threads))


def _in_directory(directory: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in the directory of the caller, so that relative paths are valid."""
    with suppress(OSError):  # Not every task needs files.
        os.chdir(directory)
    return function(*arguments)


class SlurmPool(DaskPool):
    """Workers in jobs of a SLURM cluster, which are submitted at the start and ended at the end.

    Parameters
    ----------
    options
        Options of ``dask_jobqueue.SLURMCluster``, such as ``queue``, ``cores``, ``memory`` and
        ``walltime``; others are taken from its configuration file. Each core runs one process.
    workers
        Number of processes to request.

    Attributes
    ----------
    cluster
        The dask-jobqueue cluster object.

    Raises
    ------
    JobError
        If dask-jobqueue is not installed, or refuses the options.
    """

    def __init__(self, options: Mapping[str, Any], workers: int) -> None:
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            from dask_jobqueue.slurm import SLURMCluster
        except ImportError as problem:
            raise JobError("dask-jobqueue is not installed", _INSTALL) from problem
        # Importing it makes Ctrl-C end the program as if it had succeeded.
        signal.signal(signal.SIGINT, on_interrupt)
        settings = slurm_settings(options)
        with ExitStack() as exits:
            try:
                self.cluster = exits.enter_context(SLURMCluster(**settings))
                self.cluster.scale(workers)
            except (RuntimeError, TypeError, ValueError) as problem:
                raise JobError(
                    f"cannot request workers from SLURM: {problem}",
                    "Give options of dask_jobqueue.SLURMCluster, e.g. "
                    '--slurm \'{"queue": "cpu", "cores": 16, "memory": "32GB"}\'.',
                ) from problem
            super().__init__(self.cluster, workers)
            self._exits = exits.pop_all()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._exits.close()


def slurm_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of ``SLURMCluster`` that run a separate process on each core of a job."""
    import dask

    cores = options.get("cores", dask.config.get("jobqueue.slurm.cores", None))
    one_thread = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
    prologue = [*one_thread, *options.get("job_script_prologue", ())]
    return {"processes": cores, **options, "job_script_prologue": prologue}
