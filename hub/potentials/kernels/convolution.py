"""Convolutions as differentiable functions, computed by compiled kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from hub.potentials.kernels import are_available, cpu_kernels
from hub.potentials.kernels.passes import GRADIENT, SECOND, VALUE, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.kernels.pairs import Pairs
    from hub.potentials.kernels.passes import Pass
    from hub.potentials.kernels.product import Product

_PRECISIONS = (torch.float32, torch.float64)


def convolve(
    product: Product,
    pairs: Pairs,
    state: Pass,
    features: Sequence[torch.Tensor],
    harmonics: torch.Tensor,
    hidden: torch.Tensor,
    matrix: torch.Tensor,
) -> tuple[torch.Tensor, ...]:
    """Compute the messages of a convolution; they can be differentiated twice.

    Parameters
    ----------
    product
        What is coupled with what.
    pairs
        The pairs of atoms.
    state
        Says which gradients are used; it may change between passes.
    features
        For each block (N, components, channels).
    harmonics : (P, J)
        From the first atom of each pair to the second.
    hidden : (P, H)
    matrix : (H, W)
        The weights of an edge are ``hidden @ matrix``.

    Returns
    -------
    For each block of messages (N, components, channels).
    """
    _check(product, pairs, features, harmonics, hidden, matrix)
    # Here and not below, so that what is saved for the gradients is what can be differentiated.
    inputs = (harmonics.contiguous(), _rows(hidden), matrix.contiguous())
    blocks = [each.contiguous() for each in features]
    found: tuple[torch.Tensor, ...] = _Convolution.apply(product, pairs, state, *inputs, *blocks)
    return found


def _check(
    product: Product,
    pairs: Pairs,
    features: Sequence[torch.Tensor],
    harmonics: torch.Tensor,
    hidden: torch.Tensor,
    matrix: torch.Tensor,
) -> None:
    """Refuse what the kernels would read or write beyond, or take for other numbers."""
    n_pairs, n_atoms = len(pairs.first), len(features[0])
    # A GPU would be waited for; there, torch's own indexing of positions stops at wrong numbers.
    if not hidden.is_cuda:
        lowest, highest = pairs.bounds
        if lowest < 0 or highest >= n_atoms:
            raise ValueError(f"pairs of atoms {lowest} to {highest} were given {n_atoms} atoms")
    expected: list[tuple[int, ...]] = [
        (n_pairs, product.harmonics),
        (n_pairs, product.hidden),
        (product.hidden, product.n_weights),
    ]
    expected += [(n_atoms, each.components, each.channels) for each in product.features]
    tensors = (harmonics, hidden, matrix, *features)
    shapes = [tuple(each.shape) for each in tensors]
    if shapes != expected:
        raise ValueError(f"a convolution of shapes {expected} was given {shapes}")
    kinds = {(str(each.device), each.dtype) for each in tensors}
    if len(kinds) > 1 or not are_available(hidden.device) or hidden.dtype not in _PRECISIONS:
        found = ", ".join(sorted(f"{dtype} on {device}" for device, dtype in kinds))
        raise ValueError(f"a convolution takes one of two precisions on one device, not {found}")


def _run(
    product: Product,
    mode: str,
    pairs: Pairs,
    wanted: Wanted,
    inputs: dict[str, torch.Tensor],
    sums: dict[str, torch.Tensor],
) -> None:
    """Run a kernel on the device of the tensors; it fills some of `inputs`, and adds to `sums`."""
    if inputs["h"].is_cuda:
        from hub.potentials.kernels import triton_kernels

        triton_kernels.run(product, mode, pairs, wanted, inputs, sums)
    else:
        cpu_kernels.run(product, mode, pairs, wanted, inputs, sums)


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    """Return rows of contiguous numbers, which may be a part of wider ones."""
    return tensor if tensor.stride(1) == 1 else tensor.clone(memory_format=torch.contiguous_format)


def _named(name: str, tensors: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{name}{number}": tensor for number, tensor in enumerate(tensors)}


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        product: Product,
        pairs: Pairs,
        state: Pass,
        harmonics: torch.Tensor,
        hidden: torch.Tensor,
        matrix: torch.Tensor,
        *features: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        ctx.product, ctx.pairs, ctx.state = product, pairs, state
        ctx.save_for_backward(harmonics, hidden, matrix, *features)
        n_atoms = len(features[0])
        messages = [
            hidden.new_zeros(n_atoms, block.components, block.channels)
            for block in product.messages
        ]
        inputs = _inputs(pairs, harmonics, hidden, matrix, features)
        _run(product, VALUE, pairs, Wanted(), inputs, _named("y", messages))
        return tuple(messages)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        harmonics, hidden, matrix, *features = ctx.saved_tensors
        by_harmonics, _, by_matrix, *by_features = ctx.needs_input_grad[3:]
        wanted = Wanted(
            features=any(by_features),
            harmonics=by_harmonics and ctx.state.wants_edges,
            matrix=by_matrix and not ctx.state.forms_forces,
        )
        found = _Gradient.apply(
            ctx.product,
            ctx.pairs,
            ctx.state,
            wanted,
            harmonics,
            hidden,
            matrix,
            *features,
            *gradients,
        )
        return None, None, None, *found


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        product: Product,
        pairs: Pairs,
        state: Pass,
        wanted: Wanted,
        harmonics: torch.Tensor,
        hidden: torch.Tensor,
        matrix: torch.Tensor,
        *others: torch.Tensor,
    ) -> tuple[torch.Tensor | None, ...]:
        count = len(product.features)
        features = others[:count]
        gradients = tuple(each.contiguous() for each in others[count:])
        ctx.product, ctx.pairs, ctx.state = product, pairs, state
        ctx.save_for_backward(harmonics, hidden, matrix, *features, *gradients)
        ctx.set_materialize_grads(False)
        results = _Results(wanted, harmonics, hidden, matrix, features)
        inputs = _inputs(pairs, harmonics, hidden, matrix, features) | _named("g", gradients)
        inputs |= results.by_edge
        _run(product, GRADIENT, pairs, wanted, inputs, results.sums)
        return results.ordered()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[Any, ...]:
        product, pairs = ctx.product, ctx.pairs
        harmonics, hidden, matrix, *others = ctx.saved_tensors
        count = len(product.features)
        features, gradients = others[:count], others[count:]
        by_harmonics, by_hidden, by_matrix, *by_features = cotangents
        if by_matrix is not None:
            raise RuntimeError(
                "gradients by the weights of a compiled network cannot be differentiated again"
            )
        has_features = any(each is not None for each in by_features)
        wanted = Wanted(
            features=has_features,
            harmonics=ctx.needs_input_grad[4] and ctx.state.keeps_edges,
            matrix=ctx.needs_input_grad[6],
        )
        results = _Results(wanted._replace(features=True), harmonics, hidden, matrix, features)
        formed = [torch.zeros_like(each) for each in gradients]
        inputs = _inputs(pairs, harmonics, hidden, matrix, features) | _named("g", gradients)
        inputs |= results.by_edge
        inputs["ae"] = _given(by_harmonics, harmonics)
        inputs["ah"] = _given(by_hidden, hidden)
        if has_features:
            given = zip(by_features, features, strict=True)
            inputs |= _named("ax", [_given(each, like) for each, like in given])
        _run(product, SECOND, pairs, wanted, inputs, _named("dg", formed) | results.sums)
        return None, None, None, None, *results.ordered(), *formed


class _Results:
    """Tensors for the gradients that a kernel forms."""

    def __init__(
        self,
        wanted: Wanted,
        harmonics: torch.Tensor,
        hidden: torch.Tensor,
        matrix: torch.Tensor,
        features: Sequence[torch.Tensor],
    ) -> None:
        self.count = len(features)
        self.by_edge = {"dh": hidden.new_empty(hidden.shape)}
        self.sums: dict[str, torch.Tensor] = {}
        if wanted.harmonics:
            self.by_edge["de"] = torch.empty_like(harmonics)
        if wanted.features:
            self.sums |= _named("dx", [torch.zeros_like(each) for each in features])
        if wanted.matrix:
            self.sums["dW"] = torch.zeros_like(matrix)

    def ordered(self) -> tuple[torch.Tensor | None, ...]:
        """Return them in the order of the inputs; None for those that are not formed."""
        names = ["de", "dh", "dW", *(f"dx{number}" for number in range(self.count))]
        return tuple({**self.by_edge, **self.sums}.get(name) for name in names)


def _inputs(
    pairs: Pairs,
    harmonics: torch.Tensor,
    hidden: torch.Tensor,
    matrix: torch.Tensor,
    features: Sequence[torch.Tensor],
) -> dict[str, torch.Tensor]:
    return {
        "centres": pairs.first,
        "neighbours": pairs.second,
        "h": hidden,
        "W": matrix,
        "e": harmonics,
        **_named("x", features),
    }


def _given(tensor: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    return like.new_zeros(like.shape) if tensor is None else tensor.contiguous()
