"""Devices to compute on."""

from __future__ import annotations

import ctypes
import sys

import torch

from hub.errors import IncompatibleModelError

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def choose_device(name: str = "auto") -> torch.device:
    """Return the device with this name; ``auto`` is the GPU if available, else the CPU.

    Raises
    ------
    IncompatibleModelError
        If the device is not available.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise IncompatibleModelError(
            f"the device {name!r} is not available: {reason}",
            hint="Use --device cpu, or install a torch build for this device.",
        ) from error
    return device


def device_name(device: torch.device) -> str:
    """Return the name of the hardware of a device, for reports."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type} ({threads} thread{'s' if threads != 1 else ''})"


def keep_freed_memory() -> None:
    """Make the C library keep freed memory for reuse instead of returning it to the system.

    A training step repeatedly allocates and frees the same large tensors; requesting fresh, zeroed
    pages from the system each time takes a fifth of the step on a CPU. Only glibc has these
    settings; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 2**28)
