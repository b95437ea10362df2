"""Fused kernels: products of features and harmonics, compiled for the device at hand."""

from __future__ import annotations

import functools
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from hub.settings import uses_gpu_kernels

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


def are_available(device: torch.device) -> bool:
    """Say whether kernels can be compiled for a device: by LLVM for a CPU, by Triton for a GPU.

    Those for GPUs must be asked for with ``HUB_GPU_KERNELS=triton``, as they have been tested in
    Triton's interpreter only.
    """
    if device.type == "cuda":
        return uses_gpu_kernels() and find_spec("triton") is not None
    return device.type == "cpu" and find_spec("llvmlite") is not None


@functools.cache  # once in a process
def warn_of_slowness(library: str, reason: str) -> None:
    """Say that a library's own modules compute a model on the CPU, and not kernels.

    Parameters
    ----------
    library
        Its name.
    reason
        Why the model is not compiled, if not for want of a compiler.
    """
    if find_spec("llvmlite") is None:
        reason = "llvmlite is not installed"
    logger.warning(
        "computing with %s's modules, several times slower than compiled kernels: %s",
        library,
        reason,
    )
