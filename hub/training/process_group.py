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
    """One process of a group of `size`; by default the only one.

    Attributes
    ----------
    rank
        Index of this process in the group, from 0.
    size
        Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's share; it may be empty if there are more processes than items."""
        return items[self.rank :: self.size]

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of a tensor over the processes, bitwise identical in each."""
        if self.size > 1:
            values = values.clone()
            with _together():
                distributed.all_reduce(values)
        return values

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Add up the gradients of all processes; missing ones count as zero.

        DistributedDataParallel cannot be used here: it hooks into the backward pass, and forces
        need one within the forward pass.
        """
        if self.size == 1:
            return
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        total = self.sum(torch.cat([grad.flatten() for grad in grads]))
        parts = total.split([grad.numel() for grad in grads])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter).to(parameter.dtype)  # cat() promotes

    def from_first(self, item: T) -> T:
        """Return the first process's item; the others wait for it."""
        if self.size == 1:
            return item
        items = [item]
        with _together():
            distributed.broadcast_object_list(items, src=0)
        return items[0]

    def device(self, name: str) -> torch.device:
        """Return the device of that name, with a GPU of its own for each process.

        Raises
        ------
        IncompatibleModelError
            If there is no such device.
        """
        device = choose_device(name)
        if self.size > 1 and device.type == "cuda":
            return choose_device(f"cuda:{os.environ['LOCAL_RANK']}")
        return device


@contextmanager
def _together() -> Iterator[None]:
    """Raise our own error if another process has ended during an exchange."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            f"another process of the training ended unexpectedly: {str(error).splitlines()[0]}",
            hint="See its messages, then resume the run with --out DIR --resume.",
        ) from error


ALONE = ProcessGroup()


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the processes that ``torchrun`` started; without it, use a single process."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    distributed.init_process_group()  # gloo for the CPU and, if there is one, nccl for the GPU
    try:
        yield ProcessGroup(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
