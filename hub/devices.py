"""Where to compute, whether memory has run out, and the energy that a training uses."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

import torch

from hub.errors import IncompatibleModelError

# What torch says of the memory of a CPU or an Apple GPU, on one system or another.
_NO_MEMORY = re.compile(
    r"DefaultCPUAllocator|(not enough|can ?not allocate|can't allocate|out of) memory|bad_alloc",
    re.IGNORECASE,
)
_JOULES_PER_KWH = 3.6e6
_RAPL = Path("/sys/class/powercap")
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


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error of Python, numpy or torch says that memory could not be had."""
    if isinstance(problem, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(problem, RuntimeError) and bool(_NO_MEMORY.search(str(problem)))


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


class EnergyMeter:
    """Read counters at the start and at the end; they count all that runs on the hardware."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.start = self._joules()

    def kwh(self) -> float | None:
        """Return the energy since the start in kWh, or None where no counter can be read."""
        now = self._joules()
        if self.start is None or now is None or now < self.start:
            return None
        return (now - self.start) / _JOULES_PER_KWH

    def _joules(self) -> float | None:
        return _gpu_joules(self.device.index or 0) if self.device.type == "cuda" else _cpu_joules()


def _cpu_joules() -> float | None:
    """Sum the counters of all processor packages (Linux, RAPL)."""
    try:
        counters = [
            path / "energy_uj"
            for path in _RAPL.iterdir()
            if path.name.startswith("intel-rapl:") and path.name.count(":") == 1
        ]
        return sum(int(path.read_text()) for path in counters) / 1e6 if counters else None
    except (OSError, ValueError):
        return None


def _gpu_joules(index: int) -> float | None:
    """Read the counter of an NVIDIA GPU through its management library."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
    calls = (
        library.nvmlInit_v2,
        lambda: library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)),
        lambda: library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)),
    )
    if any(call() != 0 for call in calls):
        return None
    return millijoules.value / 1000
