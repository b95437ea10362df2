"""Find the structures affected by a corrupted file of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.dataset import Dataset
from hub.datasets.layout import GROUP
from hub.datasets.shards import shard_rows
from registry.errors import RegistryError
from registry.upkeep import MANIFEST
from registry.versions import Version

if TYPE_CHECKING:
    from registry.catalogue import Catalogue
    from registry.upkeep import Finding


def touched_structures(names: Catalogue, finding: Finding) -> dict[str, tuple[int, int]]:
    """Return the first and the last structure in each corrupted shard of a dataset.

    Files without structures are left out. The result is empty if the version is not a dataset or
    is too damaged to tell.
    """
    if MANIFEST in finding.damaged:
        return {}
    version = Version(names.local.own.manifest_bytes(finding.digest), finding.reference.registry)
    shards = [path for path in finding.damaged if path.startswith(f"{GROUP}/") and "/c/" in path]
    if version.manifest.kind != "dataset" or not shards:
        return {}
    try:
        dataset = Dataset(names.local.directory(version))
        return {path: _span(dataset, path.removeprefix(f"{GROUP}/")) for path in shards}
    except RegistryError:
        return {}


def _span(dataset: Dataset, path: str) -> tuple[int, int]:
    name, _, place = path.partition("/c/")
    array: Any = dataset.group[name]
    size = shard_rows(array, dataset.path)
    start = int(place.split("/")[0]) * size
    stop = min(start + size, array.shape[0])
    if array.shape[0] in (dataset.n_structures, dataset.n_structures + 1):
        return start, min(stop, dataset.n_structures) - 1
    pointers = dataset.pointers
    first = int(np.searchsorted(pointers, start, side="right")) - 1
    return first, int(np.searchsorted(pointers, stop, side="left")) - 1
