"""What NequIP's builders need to be called."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nequip.utils import torch_default_dtype
from nequip.utils.global_state import set_global_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


@contextmanager
def ready_to_build(dtype: torch.dtype) -> Iterator[None]:
    """Call NequIP's builders of models inside, for a network of that precision."""
    with torch_default_dtype(dtype):
        set_global_state()
    with warnings.catch_warnings():
        # TorchScript is deprecated, yet e3nn still goes through it; users cannot act on that.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
