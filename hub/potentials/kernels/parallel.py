"""Run a kernel on ranges of pairs in several threads, with the same result every time."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from hub.potentials.kernels import team

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Below this number of pairs for each, threads cost more than they save.
_FEWEST_PAIRS = 1000
_PROCESS = os.getpid()
_POOLS: dict[int, ThreadPoolExecutor] = {}  # by process, because threads do not survive a fork


def ranges(n_pairs: int) -> list[tuple[int, int]]:
    """Divide pairs of atoms evenly among as many threads as torch uses."""
    count = min(torch.get_num_threads(), max(n_pairs // _FEWEST_PAIRS, 1))
    bounds = [number * n_pairs // count for number in range(count + 1)]
    return list(pairwise(bounds))


def run(kernel: Callable[..., None], arguments: Sequence[tuple[int, ...]]) -> None:
    """Call a kernel once with each of the arguments, in a thread each, and wait for all."""
    if len(arguments) == 1:
        kernel(*arguments[0])
        return
    # A forked process has OpenMP's records of threads, but not the threads.
    if os.getpid() == _PROCESS and team.run(kernel, arguments):
        return
    pool = _POOLS.get(os.getpid())
    if pool is None:
        pool = _POOLS[os.getpid()] = ThreadPoolExecutor(thread_name_prefix="mlip-hub-kernel")
    waiting = [pool.submit(kernel, *each) for each in arguments[1:]]
    kernel(*arguments[0])
    for each in waiting:
        each.result()
