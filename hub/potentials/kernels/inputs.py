"""Check what is given to a compiled network before kernels are given its addresses."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Protocol, TypeVar

import torch

from hub.errors import DataError, IncompatibleModelError
from hub.potentials.kernels import are_available
from hub.potentials.potential import Batch, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Compiled(Protocol):
    """A network whose convolutions are computed by kernels.

    Attributes
    ----------
    model_dtype
        The precision of the convolutions. Other parameters may be float64.
    n_types
        The number of types of atoms.
    """

    model_dtype: torch.dtype
    n_types: int

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Yield the parameters."""


_Network = TypeVar("_Network", bound=Compiled)


def checked(
    forward: Callable[[_Network, Batch], Output],
) -> Callable[[_Network, Batch], Output]:
    """Check the network and the batch before a forward pass, and enable the gradients it needs.

    Where the caller has disabled gradients, the predictions are constants.

    Raises
    ------
    IncompatibleModelError
        If the network and the batch are on different devices, or on one that there are no kernels
        for, or the network's precision was changed.
    DataError
        If the batch refers to atoms or types that do not exist.
    """

    @functools.wraps(forward)
    def run(network: _Network, batch: Batch) -> Output:
        _require_compiled_for(network, batch)
        _require_indices(network, batch)
        if torch.is_grad_enabled() and not torch.is_inference_mode_enabled():
            return forward(network, batch)
        with torch.inference_mode(mode=False), torch.enable_grad():
            # Copies, because gradients cannot be formed of tensors made in inference mode.
            fields = {name: getattr(batch, name) for name in Batch.__dataclass_fields__}
            copies = {name: value.clone() for name, value in fields.items() if value is not None}
            output = forward(network, Batch(**copies))
        predicted = {name: value for name, value in vars(output).items() if value is not None}
        return Output(**{name: value.detach() for name, value in predicted.items()})

    return run


def _require_compiled_for(network: Compiled, batch: Batch) -> None:
    parameters = list(network.parameters())
    tensors = (batch.positions, batch.types, batch.edges, *parameters)
    devices = {each.device for each in tensors}
    without_kernels = {each.type for each in devices if not are_available(each)}
    if without_kernels:
        device = min(without_kernels)
        raise IncompatibleModelError(
            f"there are no compiled kernels for the device {device!r}",
            f"Load the model with device={device!r} instead of moving it, and move the batch, too.",
        )
    if len(devices) > 1:
        found = " and ".join(sorted(map(str, devices)))
        raise IncompatibleModelError(
            f"the potential and the batch are on different devices: {found}",
            "Move the batch to the device of the potential.",
        )
    precisions = {each.dtype for each in parameters}
    if not {network.model_dtype} <= precisions <= {network.model_dtype, torch.float64}:
        found = ", ".join(sorted(map(str, precisions)))
        raise IncompatibleModelError(
            f"a potential compiled for {network.model_dtype} was converted to {found}",
            "Load the model with the precision that you need, e.g. dtype='float32'.",
        )


def _require_indices(network: Compiled, batch: Batch) -> None:
    n_atoms = len(batch.positions)
    if len(batch.types) != n_atoms:
        raise DataError(f"a batch of {n_atoms} positions has {len(batch.types)} types")
    if batch.edges.is_cuda:  # would be waited for; torch's own indexing stops at wrong numbers
        return
    for name, indices, count in (
        ("neighbours", batch.edges, n_atoms),
        ("types", batch.types, network.n_types),
    ):
        if not indices.numel():
            continue
        lowest, highest = (int(each) for each in indices.aminmax())
        if lowest < 0 or highest >= count:
            wrong = lowest if lowest < 0 else highest
            raise DataError(
                f"the {name} of a batch must be numbers from 0 to {count - 1}, found {wrong}",
                "Build its graphs with the elements of this model, and join them with collate().",
            )
