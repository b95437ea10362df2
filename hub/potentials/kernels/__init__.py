"""Fused kernels: products of features and harmonics, compiled for the processor at hand."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def are_available(device: torch.device) -> bool:
    """Say whether kernels can be compiled for a device."""
    return device.type == "cpu" and find_spec("llvmlite") is not None
