"""Where tasks are worked on: in processes of this machine, which may die, or in this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Pipe, wait
from typing import TYPE_CHECKING, Any, Protocol, Self

from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

# Threads gain nothing when every core has a process.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_STOP_SECONDS = 2.0
_LOG_TAIL = 2000  # bytes


@dataclass(frozen=True)
class Lost:
    """What comes of a task whose worker died.

    Attributes
    ----------
    reason
        As far as it is known.
    certain
        Whether it died of this task; else another one may have killed it.
    """

    reason: str
    certain: bool = True


class Pool(Protocol):
    """Where tasks are worked on; a context manager.

    Attributes
    ----------
    capacity
        How many tasks are worth having under way.
    """

    capacity: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Begin a task: a call of a function that can be imported there."""

    def wait(self) -> tuple[Any, Any]:
        """Return the key of a task that has ended with its result, or `Lost`.

        Raises
        ------
        RegistryError
            If the task raised it.
        """


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalPool:
    """Processes of this machine.

    They are started anew, never forked, so that a task finds no foreign threads or locks. Each
    computes in one thread, lives until the end, or until its task kills it, and is then replaced.

    Parameters
    ----------
    jobs
        How many; as many as there are cores by default.
    """

    def __init__(self, jobs: int = 0) -> None:
        self.capacity = jobs or available_cores()
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
        """Begin a task, as soon as a process is free."""
        self._waiting.append((key, (function, *arguments)))
        self._begin()

    def wait(self) -> tuple[Any, Any]:
        """Return the key of a task that has ended with its result, or `Lost`."""
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
            process = self._idle.pop() if self._idle else _Process()
            # One that died while it was idle is noticed when its answer is awaited.
            with contextlib.suppress(ConnectionError):
                process.connection.send(task)
            self._busy[process.connection] = (process, key)


class InProcess:
    """No other process: each task is done in this one, when its result is waited for."""

    capacity = 1

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, Callable[[], Any]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Note a task."""
        self._waiting.append((key, partial(function, *arguments)))

    def wait(self) -> tuple[Any, Any]:
        """Do the oldest task, and return its key and result."""
        key, task = self._waiting.popleft()
        return key, task()


class Tasks:
    """Tasks that a pool works on; more can be added while the first are finished.

    A task whose worker died is tried once more before its death is held against it.

    Parameters
    ----------
    pool
        Where they are worked on; nothing else may be under way there.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._under_way: dict[Hashable, tuple[Any, ...]] = {}
        self._died: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    def add(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Begin a task, as `Pool.submit` does."""
        self._under_way[key] = (function, *arguments)
        self._pool.submit(key, function, *arguments)

    def finished(self) -> Iterator[tuple[Any, Any]]:
        """Give the key of each task with its result, or `Lost`, as they end, until none is left.

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
    """One worker process; what it prints goes into a file without a name."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        self._output = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed by `stop`
        # Whatever can be imported here can be imported there.
        paths = os.pathsep.join(path or str(os.getcwd()) for path in sys.path)  # noqa: PTH109
        self._process = subprocess.Popen(  # noqa: S603 - it is this very program
            [sys.executable, "-m", "hub.jobs.worker", str(theirs.fileno())],
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
        )
        theirs.close()

    def forget_output(self) -> None:
        """Empty the file: what a task printed before it succeeded is of no interest."""
        self._output.truncate(0)

    def last_words(self) -> str:
        """Say how the process died, and what it printed last."""
        code = self._process.wait()
        cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - _LOG_TAIL))
        lines = self._output.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        self.stop()
        return f"the process died ({cause})" + (f": {said}" if said else "")

    def ask_to_stop(self) -> None:
        """End the process; it holds nothing that is not safe elsewhere."""
        self._process.terminate()

    def stop(self) -> None:
        """End the process if it still runs, and release what it took."""
        self.connection.close()
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
