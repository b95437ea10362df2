"""Run a kernel in the threads that torch has anyway.

Threads of our own would share the processor with those of torch, which wait for their next work
actively. Where torch uses an OpenMP library with the interface of GCC's, as on Linux, that library
is asked to run the kernel.
"""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, NamedTuple

from hub.potentials.kernels.machine import address_of, load_function

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FUNCTIONS = ("omp_get_thread_num", "omp_get_num_threads")
_HEADER = len(_FUNCTIONS) + 2  # numbers before the arguments: functions, kernel, number of tasks


class _OpenMP(NamedTuple):
    start: Callable[[int, ctypes.Array[ctypes.c_int64], int, int], None]
    functions: tuple[int, ...]


@functools.cache
def _openmp() -> _OpenMP | None:
    """Find the library that torch has loaded for all, or None."""
    process = ctypes.CDLL(None)
    try:
        parallel = process.GOMP_parallel
        functions = [getattr(process, name) for name in _FUNCTIONS]
    except AttributeError:
        return None
    parallel.restype = None
    parallel.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    return _OpenMP(parallel, tuple(map(address_of, functions)))


def run(kernel: Callable[..., None], arguments: Sequence[Sequence[int]]) -> bool:
    """Call a kernel once with each of the arguments, at the same time.

    Parameters
    ----------
    kernel
        A loaded function.
    arguments
        Its arguments for each call, of the same number.

    Returns
    -------
    False if there is no such library, and nothing was done.
    """
    openmp = _openmp()
    if openmp is None:
        return False
    flat = [*openmp.functions, address_of(kernel), len(arguments)]
    for each in arguments:
        flat += each
    data = (ctypes.c_int64 * len(flat))(*flat)
    openmp.start(_member(len(arguments[0])), data, len(arguments), 0)
    return True


@functools.cache
def _member(n_arguments: int) -> int:
    """Return the function that each thread runs: a share of the calls, usually one."""
    name = f"mlip_hub_team_{n_arguments}"
    return address_of(load_function(_text(name, n_arguments), name, 1))


def _text(name: str, n_arguments: int) -> str:
    def number(place: int | str, result: str) -> str:
        return (
            f"  %{result}.at = getelementptr i64, ptr %data, i64 {place}\n"
            f"  %{result} = load i64, ptr %{result}.at\n"
        )

    lines = [f"define void @{name}(ptr %data) nounwind {{\nentry:\n"]
    for place, each in enumerate(("thread", "threads")):
        lines.append(number(place, f"{each}.code"))
        lines.append(f"  %{each}.function = inttoptr i64 %{each}.code to ptr\n")
        lines.append(f"  %{each}.short = call i32 %{each}.function()\n")
        lines.append(f"  %{each} = zext i32 %{each}.short to i64\n")
    lines.append(number(2, "code") + "  %kernel = inttoptr i64 %code to ptr\n")
    lines.append(number(3, "tasks") + "  br label %check\n")
    lines.append("check:\n  %task = phi i64 [ %thread, %entry ], [ %next, %work ]\n")
    lines.append("  %more = icmp slt i64 %task, %tasks\n")
    lines.append("  br i1 %more, label %work, label %done\nwork:\n")
    lines.append(f"  %rows = mul i64 %task, {n_arguments}\n  %first = add i64 %rows, {_HEADER}\n")
    for place in range(n_arguments):
        lines.append(f"  %place{place} = add i64 %first, {place}\n")
        lines.append(number(f"%place{place}", f"argument{place}"))
    given = ", ".join(f"i64 %argument{place}" for place in range(n_arguments))
    lines.append(f"  call void %kernel({given})\n")
    lines.append("  %next = add i64 %task, %threads\n  br label %check\ndone:\n  ret void\n}\n")
    return "".join(lines)
