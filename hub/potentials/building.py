"""Build potentials of any architecture, and give them the scale and the zero of energy of data.

The random numbers of the caller stay as they are.
"""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from hub.potentials.architectures import architecture_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Potential
    from hub.structures.reference_energies import ReferenceEnergies

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


def build_accelerated(
    config: PotentialConfig,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    seed: int | None = None,
) -> Potential:
    """Build a potential with unit energy scales and zero energy shifts, in its fastest form.

    Parameters
    ----------
    config
        The configuration, which names the architecture.
    dtype, device
        Precision of the network, and where it computes.
    seed
        Seed of the random weights, which are those of :func:`build_potential`. If None, the weights
        must be set.

    Raises
    ------
    IncompatibleModelError
        If the architecture, or a package that it requires, is not installed.
    """
    found = architecture_of(config)
    with _BUILDING, _settings_kept():
        return found.build_accelerated(config, dtype=dtype, device=torch.device(device), seed=seed)


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


def random_model(
    config: PotentialConfig,
    seed: int,
    energy_scale: float,
    neighbours: float,
    device: torch.device,
) -> Potential:
    """Build a potential with random weights, in float32 and ready to be trained.

    Its sums over neighbours are normalised by their average number, `neighbours`, and its energies
    have the scale of the forces, `energy_scale`.
    """
    config = config.with_changes(avg_num_neighbors=neighbours)
    potential = build_accelerated(config, dtype=torch.float32, device=device, seed=seed)
    potential.set_energy_scales(energy_scale)
    return potential


def shift_energies(potential: Potential, shift: ReferenceEnergies, sources: Sequence[str]) -> None:
    """Give the potential the data's zero of energy; elements that do not occur keep theirs."""
    files = ", ".join(Path(name).name for name in sources)
    reference = f"that of the training data ({files})"
    potential.config = potential.config.with_changes(energy_reference=reference)
    shifts = potential.energy_shifts()
    for symbol, value in shift.energies.items():
        shifts[symbol] += value
    potential.set_energy_shifts(shifts)
