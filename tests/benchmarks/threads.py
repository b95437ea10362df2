"""Time one thread against two: a training step and evaluations of several sizes.

    python -m tests.benchmarks threads [--model c-ace-pretrained] [--threads 2] [--rounds 15]

Wall time, which needs as many idle cores as threads. Cores of a virtual machine are often not whole
ones: each round therefore also multiplies matrices, and rounds in which even that does not gain 0.9
times the number of threads are left out of the second median. OpenMP starts its threads anew when
their number changes, so the first call of each is not counted. The same number of threads must
give the same forces.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from hub.potentials.loading import load_model
from tests.benchmarks.network import batch, crystal, step
from tests.benchmarks.timing import in_turns

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLS = 5
_WHOLE_CORES = 0.9  # of the number of threads, as the gain of a product of matrices


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="c-ace-pretrained")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()

    for dtype in ("float32", "float64"):
        model = load_model(given.model, dtype=dtype).eval()
        for repeats in ((2, 2, 2), (3, 3, 3), (5, 5, 5)):
            structure = batch(model, [crystal(repeats, 0)])
            what = f"evaluation, {len(structure.types)} atoms, {dtype}"
            _report(what, partial(model, structure), given.threads, given.rounds)
            for count in (1, given.threads):
                _check(model, structure, count)
    labelled = batch(model, [crystal((2, 2, 2), seed) for seed in range(5)])
    what = "training step, 5 x 64 atoms, float64"
    _report(what, partial(step, model, labelled), given.threads, given.rounds)


def _report(what: str, function: Callable[[], Any], count: int, rounds: int) -> None:
    matrix = torch.rand(600, 600)
    product = partial(torch.matmul, matrix, matrix)
    gains, whole = [], []
    for _ in range(rounds):
        before, gain, after = (_gain(each, count) for each in (product, function, product))
        gains.append(gain)
        if min(before, after) >= _WHOLE_CORES * count:
            whole.append(gain)
    chosen = f"{statistics.median(whole):.2f} times" if whole else "not measured"
    print(
        f"{what}: {count} threads are {statistics.median(gains):.2f} times as fast as one; "
        f"{chosen} in the {len(whole)} of {rounds} rounds with whole cores",
        flush=True,
    )


def _gain(function: Callable[[], Any], count: int) -> float:
    """Return how many times as fast a function is with several threads."""
    one, several = (_seconds(function, each) for each in (1, count))
    return one / several


def _seconds(function: Callable[[], Any], count: int) -> float:
    torch.set_num_threads(count)
    return in_turns({"": function}, _CALLS, clock=perf_counter)[""]


def _check(model: Any, structure: Any, count: int) -> None:
    torch.set_num_threads(count)
    first, second = (model(structure).forces for _ in range(2))
    if not torch.equal(first, second):
        raise SystemExit(f"{count} threads gave different forces twice")


if __name__ == "__main__":
    main()
