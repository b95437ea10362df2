"""Fused kernels: products of features and harmonics, compiled for the device at hand."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_COMPILERS = {"cpu": "llvmlite", "cuda": "triton"}


def are_available(device: torch.device) -> bool:
    """Say whether kernels can be compiled for a device: by LLVM for a CPU, by Triton for a GPU."""
    compiler = _COMPILERS.get(device.type)
    return compiler is not None and find_spec(compiler) is not None
