"""The same tasks on other machines: workers of a Dask cluster, and of SLURM through one."""

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
_PATIENCE = 30  # seconds until a scheduler must have answered
# Besides what each worker works on, so much waits there for it.
_TASKS_EACH = 2


class DaskPool:
    """The workers of a Dask cluster, each a process of one thread.

    They need the same packages and programs, and under the same paths the files that a task reads
    or writes: tasks begin in the directory of this process where there is such a directory there.
    Results come back over the network. Workers may come and go.

    Parameters
    ----------
    cluster
        The address of a scheduler, such as ``tcp://10.0.0.1:8786``, or a cluster object.
    workers
        How many there will be at least; those that are there by default.

    Raises
    ------
    JobError
        If Dask is not installed, there is no such scheduler, or its workers have several threads.
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
                f"there is no Dask scheduler at {cluster}: {problem}",
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
        """Begin a task, on any worker."""
        future = self._client.submit(_in_directory, os.getcwd(), function, *arguments, pure=False)  # noqa: PTH109
        self._keys[future] = key
        self._completed.add(future)

    def wait(self) -> tuple[Any, Any]:
        """Return the key of a task that has ended with its result, or `Lost`.

        Raises
        ------
        JobError
            If the cluster is gone.
        RegistryError
            If the task raised it.
        """
        from distributed import CancelledError, KilledWorker

        future = next(self._completed)
        key = self._keys.pop(future)
        try:
            return key, future.result()
        except KilledWorker as problem:
            # Tasks that waited at a worker are blamed for its death as well.
            return key, Lost(f"every worker that tried died: {problem}", certain=False)
        except CancelledError as problem:
            raise JobError(
                "the connection to the Dask scheduler is lost",
                "What is done is kept: go on with --resume.",
            ) from problem
        except RegistryError:
            raise
        except Exception as problem:  # whatever a worker runs into that is not set up as this is
            raise JobError(
                f"a Dask worker failed: {problem}",
                "Workers need the same version of mlip-hub, and of all that the task uses.",
            ) from problem

    def _count(self) -> int:
        threads = self._client.nthreads()
        several = {address: count for address, count in threads.items() if count > 1}
        if several:
            address, count = next(iter(several.items()))
            self._client.close()
            raise JobError(
                f"the Dask worker {address} has {count} threads, and a task works in one only",
                "Start workers with: dask worker ADDRESS --nworkers auto --nthreads 1.",
            )
        return max(1, len(threads))


def _in_directory(directory: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function where relative paths mean what they mean to whoever asked for it."""
    with suppress(OSError):  # Not every task needs files.
        os.chdir(directory)
    return function(*arguments)


class SlurmPool(DaskPool):
    """Workers in jobs of a SLURM cluster, which are asked for at the start and ended at the end.

    Parameters
    ----------
    options
        For ``dask_jobqueue.SLURMCluster``, such as ``queue``, ``cores``, ``memory`` and
        ``walltime``; what is not given comes from its configuration file. Every core becomes a
        process.
    workers
        How many processes to ask for.

    Attributes
    ----------
    cluster
        The cluster, as dask-jobqueue has it.

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
        # Its import lets Ctrl-C end the program as if all were well.
        signal.signal(signal.SIGINT, on_interrupt)
        settings = slurm_settings(options)
        with ExitStack() as exits:
            try:
                self.cluster = exits.enter_context(SLURMCluster(**settings))
                self.cluster.scale(workers)
            except (RuntimeError, TypeError, ValueError) as problem:
                raise JobError(
                    f"SLURM cannot be asked for workers: {problem}",
                    "Give what dask_jobqueue.SLURMCluster takes, such as "
                    '--slurm \'{"queue": "cpu", "cores": 16, "memory": "32GB"}\'.',
                ) from problem
            super().__init__(self.cluster, workers)
            self._exits = exits.pop_all()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._exits.close()


def slurm_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of ``SLURMCluster`` by which every core of a job is a process of its own."""
    import dask

    cores = options.get("cores", dask.config.get("jobqueue.slurm.cores", None))
    one_thread = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
    prologue = [*one_thread, *options.get("job_script_prologue", ())]
    return {"processes": cores, **options, "job_script_prologue": prologue}
