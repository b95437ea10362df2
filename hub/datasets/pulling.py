"""Pull parts of a dataset: label sets, and the shards that contain selected structures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hub.datasets.dataset import Dataset
from hub.datasets.layout import GROUP, METADATA, PROPERTY_GROUP, STRUCTURE_EXTRAS
from hub.datasets.names import PROPERTIES
from hub.datasets.selection import SELECTION, Choice, recorded_choice, select
from hub.errors import DataError
from hub.library import Pulled, catalogue
from registry.cards import Card
from registry.outputs import write_file
from registry.references import Reference

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from hub.structures.arrays import IntArray
    from registry.catalogue import Catalogue
    from registry.download import Progress
    from registry.manifest import FileEntry
    from registry.versions import Version

_ATOM_ARRAYS = ("structures/numbers/", "structures/positions/", "extras/atom/")


def pull_dataset(
    reference: str,
    *,
    labels: Collection[str] | None = None,
    choice: Choice | None = None,
    metadata_only: bool = False,
    out: Path | None = None,
    update: bool = False,
    accept: bool = False,
    names: Catalogue | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Pull part of a dataset.

    Parameters
    ----------
    reference
        The reference of a dataset.
    labels
        The label sets to pull; all by default.
    choice
        The structures to pull; all by default. Shards are always fetched completely.
    metadata_only
        Get only what says what is in the dataset.
    out
        A new or empty directory of the user's own, in which the choice is recorded: who loads from
        it gets these structures.
    update
        Query the registries even if the cache has an answer.
    accept
        Accept a version whose digest differs from the one that this machine has seen before.
    names
        Where to look for it; by default, in the configured registries.
    progress
        Called with the number of bytes as they arrive.

    Raises
    ------
    DataError
        If it is not a dataset, has no such label set, or the choice is invalid.
    RegistryError
        As in `hub.pull`.
    """
    if out is not None and choice is not None:
        recorded_choice(out)  # only such a record is replaced
    names = names or catalogue()
    parsed = Reference.parse(reference)
    found = names.resolve(parsed, update=update, accept=accept)
    if isinstance(found, Card):
        # It is made completely on this machine from published files.
        found = names.pull(parsed, update=update, progress=progress)
    if found.manifest.kind != "dataset":
        raise DataError(f"{found.reference} is a {found.manifest.kind}, not a dataset")
    exact = found.reference
    absent = _absent(names, found)
    wants = _Wants(set(labels) if labels is not None else None)
    first = names.pull(exact, accept=accept, only=wants.to_choose if choice else wants.metadata)
    dataset = Dataset(first.path, str(reference))
    for name in labels or ():
        dataset.labels_name(name)
    chosen = select(dataset, choice) if choice else None
    if chosen is not None:
        wants.choose(dataset, chosen)
    only = wants.metadata if metadata_only else wants.path
    version = names.pull(exact, to=out, only=only, progress=progress)
    if out is not None and choice is not None:
        write_file(out / SELECTION, json.dumps(choice.to_json(), indent=2).encode())
    moved, saved = _count(names, absent)
    return Pulled(version, moved, saved, None if chosen is None else len(chosen))


class _Wants:
    """Selects the files of a dataset to pull."""

    def __init__(self, labels: set[str] | None) -> None:
        self.labels = labels
        self.shards: set[int] | None = None

    def choose(self, dataset: Dataset, chosen: IntArray) -> None:
        """Select only the shards of some structures."""
        self.shards = set(dataset.shards_of(chosen).tolist())

    def metadata(self, path: str) -> bool:
        """Whether a file is small and describes the others."""
        return path.endswith(f"/{METADATA}") or not path.startswith(f"{GROUP}/")

    def to_choose(self, path: str) -> bool:
        """Whether a file is needed to select structures."""
        columns = (f"{GROUP}/{STRUCTURE_EXTRAS}/", f"{GROUP}/structures/pointers/")
        return self.metadata(path) or path.startswith(columns)

    def path(self, path: str) -> bool:
        """Whether a file is to be pulled."""
        if self.metadata(path):
            return True
        inner = path.removeprefix(f"{GROUP}/")
        label_set = inner.split("/")[1] if inner.startswith("labels/") else None
        if label_set is not None and self.labels is not None and label_set not in self.labels:
            return False
        is_atoms = inner.startswith(_ATOM_ARRAYS) or (label_set and _is_label_of_atoms(inner))
        if not is_atoms or self.shards is None:
            return True
        return int(inner.partition("/c/")[2].partition("/")[0]) in self.shards


def _is_label_of_atoms(path: str) -> bool:
    """Whether an array of a label set is per atom."""
    kind, name = path.split("/")[2:4]
    per_atom = {name for name, each in PROPERTIES.items() if each.per_atom}
    return kind == "forces" or (kind == PROPERTY_GROUP and name in per_atom)


def _absent(names: Catalogue, version: Version) -> dict[str, FileEntry]:
    """Return the files of a version that are not on this machine, each content once."""
    blobs = names.local.blobs
    return {e.sha256: e for e in version.manifest.files if not blobs.has(e)}


def _count(names: Catalogue, absent: dict[str, Any]) -> tuple[int, int]:
    """Return the bytes of the files that have been fetched, and of those still absent."""
    moved = sum(e.size for e in absent.values() if names.local.blobs.has(e))
    return moved, sum(e.size for e in absent.values()) - moved
