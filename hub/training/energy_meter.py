"""The energy that a training uses, where the hardware counts it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_JOULES_PER_KWH = 3.6e6
_RAPL = Path("/sys/class/powercap")


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
