"""The global state that NequIP's builders need."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nequip.utils import global_state, torch_default_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


@contextmanager
def ready_to_build(dtype: torch.dtype) -> Iterator[None]:
    """Provide the context for NequIP's model builders, for a network of the given precision."""
    was_set = global_state.global_state_initialized()
    with torch_default_dtype(dtype):
        global_state.set_global_state()
    try:
        with warnings.catch_warnings():
            # TorchScript is deprecated, but e3nn still uses it; users cannot change that.
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        # The default precision is restored. NequIP's calculator of compiled models predicts NaN
        # without its own, and sets it only if it has not been set yet.
        global_state._GLOBAL_STATE_INITIALIZED = was_set  # noqa: SLF001
