"""Several processes that train one model together, each on its share of every batch."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import distributed

from hub.devices import choose_device
from hub.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")


@dataclass(frozen=True)
class ProcessGroup:
    """One process of a group of `size`; of itself alone by default.

    Attributes
    ----------
    rank
        The number of this process in the group, from 0.
    size
        How many processes there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return what falls to this process; nothing where there are more processes than items."""
        return items[self.rank :: self.size]

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of a tensor over the processes, the same to the last bit in each."""
        if self.size > 1:
            values = values.clone()
            with _together():
                distributed.all_reduce(values)
        return values

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Add up the gradients of all processes; one that is missing counts as zero.

        DistributedDataParallel is of no use here: it hooks into the backward pass, and forces need
        one within the forward pass.
        """
        if self.size == 1:
            return
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        total = self.sum(torch.cat([grad.flatten() for grad in grads]))
        parts = total.split([grad.numel() for grad in grads])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter).to(parameter.dtype)  # cat() promotes

    def from_first(self, item: T) -> T:
        """Return what the first process gave; the others wait for it."""
        if self.size == 1:
            return item
        items = [item]
        with _together():
            distributed.broadcast_object_list(items, src=0)
        return items[0]

    def device(self, name: str) -> torch.device:
        """Return the device of that name; of several GPUs one for each process.

        Raises
        ------
        IncompatibleModelError
            If there is no such device here.
        """
        device = choose_device(name)
        if self.size > 1 and device.type == "cuda":
            return choose_device(f"cuda:{os.environ['LOCAL_RANK']}")
        return device


@contextmanager
def _together() -> Iterator[None]:
    """Say it in our own words if another process is no longer there to exchange something."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            f"another process of the training has ended: {str(error).splitlines()[0]}",
            hint="Look at what it said; then go on with --resume and the run folder.",
        ) from error


ALONE = ProcessGroup()


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the processes that ``torchrun`` started; be alone without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    distributed.init_process_group()  # gloo for the CPU and, where there is one, nccl for the GPU
    try:
        yield ProcessGroup(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
