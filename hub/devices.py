"""Where to compute."""

from __future__ import annotations

import ctypes
import re
import sys

import torch

from hub.errors import IncompatibleModelError

# What torch says of the memory of a CPU or an Apple GPU, on one system or another.
_NO_MEMORY = re.compile(
    r"DefaultCPUAllocator|(not enough|can ?not allocate|can't allocate|out of) memory|bad_alloc",
    re.IGNORECASE,
)
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` is the GPU where there is one, else the CPU.

    Raises
    ------
    IncompatibleModelError
        If there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise IncompatibleModelError(
            f"the device {name!r} cannot be used here: {reason}",
            hint="Use --device cpu, or install a torch build for this device.",
        ) from error
    return device


def device_name(device: torch.device) -> str:
    """Name the hardware behind a device, for reports."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type} ({threads} thread{'s' if threads != 1 else ''})"


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error of Python, numpy or torch says that memory could not be had."""
    if isinstance(problem, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(problem, RuntimeError) and bool(_NO_MEMORY.search(str(problem)))


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for reuse instead of returning it to the system.

    A training step allocates and frees the same large tensors again and again; asking the system
    for fresh, zeroed pages each time costs a fifth of the step on a CPU. Only glibc has these
    switches; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 2**28)
