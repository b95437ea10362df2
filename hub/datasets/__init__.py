"""Structures with several label sets in versioned Zarr: write, open, import and export them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.datasets.dataset import Dataset
    from hub.datasets.loading import load_dataset, load_structures
    from hub.datasets.writer import DatasetWriter

# Zarr is imported when a dataset is opened for the first time.
_HOMES = {
    "Dataset": "hub.datasets.dataset",
    "DatasetWriter": "hub.datasets.writer",
    "load_dataset": "hub.datasets.loading",
    "load_structures": "hub.datasets.loading",
}

__all__ = ["Dataset", "DatasetWriter", "load_dataset", "load_structures"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hub.datasets' has no attribute {name!r}")
