"""Build, load, save, convert, use and export models.

The names below are imported on first use, so that a configuration can be read without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.potentials.ase_calculator import calculator
    from hub.potentials.loading import load_model

_HOMES = {
    "calculator": "hub.potentials.ase_calculator",
    "load_model": "hub.potentials.loading",
}

__all__ = ["calculator", "load_model"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hub.potentials' has no attribute {name!r}")
