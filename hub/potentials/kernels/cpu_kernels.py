"""Run compiled kernels on tensors of a CPU, in several threads."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch

from hub.potentials.kernels import parallel
from hub.potentials.kernels.generate import kernel
from hub.potentials.kernels.machine import load_function, machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.potentials.kernels.generate import Kernel
    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.kernels.passes import Wanted
    from hub.potentials.kernels.product import Product

_SCALARS = {torch.float32: "float", torch.float64: "double"}


@functools.cache
def _compiled(
    product: Product, mode: str, dtype: torch.dtype, wanted: Wanted
) -> tuple[Callable[..., None], Kernel]:
    made = kernel(product, mode, _SCALARS[dtype], machine().vector_bytes, wanted)
    return load_function(made.text, made.name, len(made.integers) + len(made.pointers)), made


def run(
    product: Product,
    mode: str,
    pairs: Pairs,
    wanted: Wanted,
    inputs: dict[str, torch.Tensor],
    sums: dict[str, torch.Tensor],
) -> None:
    """Run a kernel, which adds to `sums`; each thread has its own, to be added at the end.

    The arguments are those of `triton_kernels.run`.
    """
    hidden = inputs["h"]
    function, made = _compiled(product, mode, hidden.dtype, wanted)
    copies: list[dict[str, torch.Tensor]] = []
    calls = []
    alive = []  # until all threads are done
    for number, (start, stop) in enumerate(pairs.ranges):
        own = {key: torch.zeros_like(value) for key, value in sums.items()} if number else sums
        copies.append(own)
        tensors = {**inputs, **own, "scratch": hidden.new_empty(made.scratch)}
        alive.append(tensors)
        addresses = [tensors[name].data_ptr() for name in made.pointers]
        calls.append((start, stop, hidden.stride(0), pairs.ways, *addresses))
    if calls:
        parallel.run(function, calls)
    for own in copies[1:]:
        for key, value in own.items():
            sums[key] += value
