"""Time one thread against two: a training step and evaluations of several sizes.

    python -m tests.benchmarks threads [--model c-ace-pretrained] [--threads 2] [--repeats 15]

Wall time of ten calls in turns, medians, which needs as many idle cores as threads: OpenMP starts
its threads anew when their number changes. The same number of threads must give the same forces.
"""

from __future__ import annotations

import argparse
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from hub.potentials.loading import load_model
from tests.benchmarks.network import batch, crystal, step
from tests.benchmarks.timing import in_turns, report

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLS = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="c-ace-pretrained")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    counts = (1, given.threads)

    def compare(what: str, function: Callable[[], Any]) -> None:
        calls = {f"{count} threads": partial(_with_threads, count, function) for count in counts}
        report(what, in_turns(calls, given.repeats, clock=perf_counter))

    for dtype in ("float32", "float64"):
        model = load_model(given.model, dtype=dtype).eval()
        for repeats in ((2, 2, 2), (3, 3, 3), (5, 5, 5)):
            structure = batch(model, [crystal(repeats, 0)])
            compare(f"evaluation, {len(structure.types)} atoms, {dtype}", partial(model, structure))
            for count in counts:
                _check(model, structure, count)
    labelled = batch(model, [crystal((2, 2, 2), seed) for seed in range(5)])
    compare("training step, 5 x 64 atoms, float64", partial(step, model, labelled))


def _with_threads(count: int, function: Callable[[], Any]) -> None:
    torch.set_num_threads(count)
    for _ in range(_CALLS):
        function()


def _check(model: Any, structure: Any, count: int) -> None:
    torch.set_num_threads(count)
    first, second = (model(structure).forces for _ in range(2))
    if not torch.equal(first, second):
        raise SystemExit(f"{count} threads gave different forces twice")


if __name__ == "__main__":
    main()
