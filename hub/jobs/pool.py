"""Run tasks in processes on this machine, which may die, or in this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import registry
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

# Threads do not help if every core has a process.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_STOP_SECONDS = 2.0
_LOG_TAIL = 2000  # bytes


@dataclass(frozen=True)
class Lost:
    """The result of a task whose worker died.

    Attributes
    ----------
    reason
        The reason, as far as known.
    certain
        Whether this task caused it; otherwise it may have been another one.
    """

    reason: str
    certain: bool = True


class Pool(Protocol):
    """Runs tasks; a context manager.

    Attributes
    ----------
    capacity
        Number of tasks worth submitting at once.
    """

    capacity: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task: a call of a function that the worker can import."""

    def wait(self) -> tuple[Any, Any]:
        """Return the key of a finished task with its result, or `Lost`.

        Raises
        ------
        RegistryError
            If the task raised it.
        """


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalPool:
    """Processes on this machine.

    They are spawned, never forked, so that a task inherits no threads or locks. Each computes in
    one thread and lives until the end; if a task kills it, it is replaced.

    Parameters
    ----------
    jobs
        Number of processes; by default the number of cores.
    python
        Interpreter of another environment, in which nothing of this one can be imported except the
        packages ``hub`` and ``registry``; empty for this environment.
    """

    def __init__(self, jobs: int = 0, python: str = "") -> None:
        self.capacity = jobs or available_cores()
        self._python = python
        self._idle: list[_Process] = []
        self._busy: dict[Any, tuple[_Process, Any]] = {}  # by the connection
        self._waiting: deque[tuple[Any, tuple[Any, ...]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        processes = [*self._idle, *(process for process, _ in self._busy.values())]
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.stop()
        self._idle, self._busy = [], {}

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task as soon as a process is free."""
        self._waiting.append((key, (function, *arguments)))
        self._begin()

    def wait(self) -> tuple[Any, Any]:
        """Return the key of a finished task with its result, or `Lost`."""
        connection = wait(list(self._busy))[0]
        process, key = self._busy.pop(connection)
        try:
            result = process.connection.recv()
        except (EOFError, OSError):
            result = Lost(process.last_words())
        else:
            process.forget_output()
            self._idle.append(process)
        self._begin()
        if isinstance(result, RegistryError):
            raise result
        return key, result

    def _begin(self) -> None:
        while self._waiting and len(self._busy) < self.capacity:
            key, task = self._waiting.popleft()
            process = self._idle.pop() if self._idle else _Process(self._python)
            # A process that died while idle is noticed when its result is awaited.
            with contextlib.suppress(ConnectionError):
                process.connection.send(task)
            self._busy[process.connection] = (process, key)


class InProcess:
    """A pool without other processes: each task is run in this one when its result is awaited."""

    capacity = 1

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, Callable[[], Any]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Queue a task."""
        self._waiting.append((key, partial(function, *arguments)))

    def wait(self) -> tuple[Any, Any]:
        """Run the oldest task, and return its key and result."""
        key, task = self._waiting.popleft()
        return key, task()


class Tasks:
    """Tasks run by a pool; more can be added while the first are finished.

    A task whose worker died is tried a second time before it counts as failed.

    Parameters
    ----------
    pool
        The pool that runs them; it must not have other tasks.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._under_way: dict[Hashable, tuple[Any, ...]] = {}
        self._died: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    def add(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task like `Pool.submit`."""
        self._under_way[key] = (function, *arguments)
        self._pool.submit(key, function, *arguments)

    def finished(self) -> Iterator[tuple[Any, Any]]:
        """Yield the key and the result (or `Lost`) of each task as they finish, until none is left.

        Raises
        ------
        RegistryError
            If a task raises it.
        """
        while self._under_way:
            key, result = self._pool.wait()
            task = self._under_way.pop(key)
            if isinstance(result, Lost) and key not in self._died:
                self._died.add(key)
                self.add(key, *task)
            else:
                yield key, result


class _Process:
    """One worker process; its output goes to an unnamed file."""

    def __init__(self, python: str = "") -> None:
        self.connection, theirs = Pipe()
        self._output = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed by `stop`
        self._paths = ExitStack()  # closed by `stop`
        if python:
            paths = {
                "PYTHONPATH": self._paths.enter_context(_own_packages()),
                "PYTHONSAFEPATH": "1",  # nothing from the current directory
            }
        else:
            # Everything that can be imported here can be imported there.
            here = (path or str(os.getcwd()) for path in sys.path)  # noqa: PTH109
            paths = {"PYTHONPATH": os.pathsep.join(here)}
        self._process = subprocess.Popen(  # noqa: S603 - it is this very program
            [python or sys.executable, "-m", "hub.jobs.worker", str(theirs.fileno())],
            env={**os.environ, **ONE_THREAD, **paths},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
        )
        theirs.close()

    def forget_output(self) -> None:
        """Empty the file: the output of a successful task is not needed."""
        self._output.truncate(0)

    def last_words(self) -> str:
        """Return how the process died and its last line of output."""
        code = self._process.wait()
        cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - _LOG_TAIL))
        lines = self._output.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        self.stop()
        return f"the process died ({cause})" + (f": {said}" if said else "")

    def ask_to_stop(self) -> None:
        """End the process; it has no data that would be lost."""
        self._process.terminate()

    def stop(self) -> None:
        """End the process if it is still running, and release its resources."""
        self.connection.close()
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._paths.close()


@contextlib.contextmanager
def _own_packages() -> Iterator[str]:
    """Make a folder in which only the packages ``hub`` and ``registry`` can be imported."""
    with tempfile.TemporaryDirectory(prefix="mlip-hub-") as folder:
        for package in (Path(__file__).parents[1], Path(registry.__file__).parent):
            (Path(folder) / package.name).symlink_to(package, target_is_directory=True)
        yield folder
