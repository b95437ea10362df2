"""Time functions in turns, so that a busy machine slows all of them."""

from __future__ import annotations

import resource
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def cpu_seconds() -> float:
    """Return the CPU time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def children_cpu_seconds() -> float:
    """Return the CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def memory(kind: str) -> float:
    """Return the memory of this process in MiB, on Linux: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return float(next(line for line in lines if line.startswith(kind)).split()[1]) / 1024


def growth(function: Callable[[], Any]) -> float:
    """Return by how much the memory of this process grows at most while a function runs, MiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = memory("VmRSS")
    function()
    return memory("VmHWM") - before


def in_turns(
    functions: Mapping[str, Callable[[], Any]],
    repeats: int,
    clock: Callable[[], float] = cpu_seconds,
) -> dict[str, float]:
    """Return the median seconds of each function, of the CPU, after one call not counted."""
    times = times_in_turns(functions, repeats, clock)
    return {name: statistics.median(each) for name, each in times.items()}


def times_in_turns(
    functions: Mapping[str, Callable[[], Any]], repeats: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Return the seconds of each call of each function, after one call not counted."""
    for function in functions.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = clock()
            function()
            times[name].append(clock() - start)
    return times


def report(what: str, seconds: Mapping[str, float]) -> None:
    """Print times, and the ratio of each to the first."""
    base = next(iter(seconds.values()))
    each = [
        f"{name} {1000 * value:.1f} ms ({value / base:.3f}x)" for name, value in seconds.items()
    ]
    print(f"{what}: {', '.join(each)}", flush=True)
