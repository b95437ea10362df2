"""Load a model by name or from a folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from hub.devices import choose_device
from hub.errors import IncompatibleModelError
from hub.library import open_model
from hub.potentials.directory import read_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.potentials.potential import Potential
    from registry.download import Progress

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


def load_model(
    place: str | Path,
    *,
    device: str = "cpu",
    dtype: str = "float64",
    progress: Progress | None = None,
) -> Potential:
    """Load a model and verify that it reproduces its stored predictions.

    Parameters
    ----------
    place
        A reference (``c-ace-pretrained``, ``name@1.2.0``), a run folder or a model directory.
    device
        ``cpu``, ``cuda``, or ``auto`` for a GPU if available.
    dtype
        ``float64``, or ``float32`` for speed.
    progress
        Called with the bytes done and the total if the model has to be pulled.

    Raises
    ------
    NotFoundError, OfflineError, IntegrityError
        As in pulling.
    ModelError
        If files are corrupted or stored predictions are not reproduced.
    IncompatibleModelError
        If the device or the precision is not available, or a newer release wrote the model.
    """
    if dtype not in _DTYPES:
        raise IncompatibleModelError(f"dtype must be {' or '.join(_DTYPES)}, got {dtype!r}")
    computed_on = choose_device(device)
    directory = open_model(place, progress).path
    with with_gradients():
        return read_model(directory, dtype=_DTYPES[dtype], device=computed_on)


@contextmanager
def with_gradients() -> Iterator[None]:
    """Enable gradients, which forces need, even if the caller has disabled them."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        yield
