"""Compile Triton's kernels and run them on tensors of a GPU."""

from __future__ import annotations

import functools
import linecache
from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language

from hub.potentials.kernels.passes import SECOND, VALUE, Wanted
from hub.potentials.kernels.triton_source import triton_kernels

if TYPE_CHECKING:
    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.kernels.product import Product
    from hub.potentials.kernels.triton_source import TritonKernel

_WARPS = 4
_NUMBERS = 32 * _WARPS  # of a program's pairs and channels: one each for its threads
# The weights of all edges are in memory only for as many pairs as this allows, and so are the
# gradients by them: large structures are done in parts.
_MOST_BYTES = 2**28
# Tensors with a row for each pair.
_BY_PAIR = frozenset(("centres", "neighbours", "h", "e", "ah", "ae", "dh", "de"))


def run(
    product: Product,
    mode: str,
    pairs: Pairs,
    wanted: Wanted,
    inputs: dict[str, torch.Tensor],
    sums: dict[str, torch.Tensor],
) -> None:
    """Run a kernel, which adds to `sums`; the order in which it adds varies.

    Parameters
    ----------
    product, mode, wanted
        As for `generate.kernel`.
    pairs
        The pairs of atoms.
    inputs
        The tensors that the kernel reads, and those that it fills, by their names there.
    sums
        Those that it adds to.
    """
    row = product.n_weights * inputs["h"].element_size()
    step = max(1, _MOST_BYTES // row)
    for start in range(0, len(pairs.first), step):
        part = slice(start, start + step)
        own = {name: each[part] if name in _BY_PAIR else each for name, each in inputs.items()}
        _run_part(product, mode, pairs.ways, wanted, own | sums)


def _run_part(
    product: Product, mode: str, ways: int, wanted: Wanted, tensors: dict[str, torch.Tensor]
) -> None:
    """Run a kernel for pairs whose weights fit into memory."""
    matrix = tensors["W"]
    # Weights of the pairs' hidden numbers, and of what replaces them, with gradients by each.
    factors = {"w": "h", "aw": "ah"} if mode == SECOND else {"w": "h"}
    weights = {name: tensors[hidden] @ matrix for name, hidden in factors.items()}
    gradients = {}
    if mode != VALUE:
        gradients = {f"d{name}": torch.empty_like(each) for name, each in weights.items()}
    arguments = tensors | weights | gradients
    n_pairs, lanes = len(tensors["centres"]), n_lanes(product)
    n_each = max(1, _NUMBERS // lanes)
    if "de" in tensors:
        tensors["de"].zero_()
    with torch.cuda.device_of(matrix):  # Triton starts kernels on the current device
        for function, made in _compiled(product, mode, wanted._replace(matrix=True)):
            function[triton.cdiv(n_pairs, n_each),](
                n_pairs,
                ways,
                *(arguments[name] for name in made.pointers),
                PAIRS=n_each,
                LANES=lanes,
                num_warps=_WARPS,
            )
    if mode != VALUE:
        torch.matmul(gradients["dw"], matrix.T, out=tensors["dh"])
        if wanted.matrix:
            for name, hidden in factors.items():
                tensors["dW"].addmm_(tensors[hidden].T, gradients[f"d{name}"])


def n_lanes(product: Product) -> int:
    """Return the number of lanes: the most channels of a block of features, or somewhat more."""
    most = max(block.channels for block in product.features)
    return 1 << (most - 1).bit_length()


@functools.cache
def _compiled(product: Product, mode: str, wanted: Wanted) -> list[tuple[Any, TritonKernel]]:
    found = []
    for made in triton_kernels(product, mode, wanted):
        # For some numbers and for aligned addresses, Triton would compile them once more.
        fixed = ["n_pairs", "ways", *made.pointers]
        found.append((triton.jit(function_of(made), do_not_specialize=fixed), made))
    return found


def function_of(made: TritonKernel) -> Any:
    """Return the function of a kernel's text, where Triton finds the text, too.

    Triton keeps what it compiles in its own folder of this user, as it does for torch.
    """
    file = f"<{made.name}>"
    # Without a time of change, the lines stay although there is no such file.
    linecache.cache[file] = (len(made.text), None, made.text.splitlines(keepends=True), file)
    names: dict[str, Any] = {"tl": triton.language, "__name__": file}
    exec(compile(made.text, file, "exec"), names)  # noqa: S102 - text of our own, from numbers
    return names[made.name]
