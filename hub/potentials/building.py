"""Build potentials of any architecture without affecting the caller's random numbers."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from hub.potentials.architectures import architecture_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Potential

# The settings are global to the process: two threads building at once would restore each other's.
_BUILDING = threading.RLock()


def build_potential(
    config: PotentialConfig, *, dtype: torch.dtype = torch.float64, seed: int = 0
) -> Potential:
    """Build a potential with random weights, unit energy scales and zero energy shifts.

    Parameters
    ----------
    config
        The configuration, which names the architecture.
    dtype
        Precision of the network: ``torch.float64`` or ``torch.float32``.
    seed
        Seed of the random weights.

    Raises
    ------
    IncompatibleModelError
        If the architecture, or a package that it requires, is not installed.
    """
    found = architecture_of(config)
    with _BUILDING, _settings_kept():
        return found.build(config, dtype=dtype, seed=seed)


@contextmanager
def _settings_kept() -> Iterator[None]:
    """Restore the random number generators and torch's default precision.

    Libraries set them when they build a network, or even when they are imported.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the user's own
    dtype = torch.get_default_dtype()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            torch.set_default_dtype(dtype)
