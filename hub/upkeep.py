"""What is kept on this machine: is it intact, how large is it, and what of it can go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hub.library import catalogue
from registry import upkeep
from registry.references import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from registry.catalogue import Catalogue


class CacheSize(NamedTuple):
    """What the cache holds.

    Attributes
    ----------
    path
        Its directory.
    versions
        Number of versions.
    size
        Bytes in all.
    parts
        Bytes of these that belong to unfinished pulls.
    """

    path: Path
    versions: int
    size: int
    parts: int


@dataclass(frozen=True)
class Verified(upkeep.Finding):
    """The state of one version on this machine.

    Attributes
    ----------
    structures
        The first and last structure in each damaged shard of a dataset, by its path.
    """

    structures: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_lost(self) -> bool:
        """Whether it is damaged, and was not repaired."""
        return bool(self.damaged) and not self.repaired


def verify(name: str | None = None, *, repair: bool = True) -> list[Verified]:
    """Hash what is on this machine again, and repair what is damaged.

    Parameters
    ----------
    name
        What to verify, e.g. ``name@1.2.0``; a name means all its versions. Everything by default.
    repair
        Pull damaged files again.

    Returns
    -------
    One entry for each version, intact ones included.

    Raises
    ------
    InvalidReferenceError
        If `name` is no reference.
    NotFoundError
        If no version on this machine fits `name`.
    StorageError
        If the cache cannot be read or written.
    """
    names = catalogue()
    reference = Reference.parse(name) if name else None
    found = upkeep.verify(names, reference, repair=repair)
    return [_with_structures(names, each) for each in found]


def _with_structures(names: Catalogue, finding: upkeep.Finding) -> Verified:
    touched = {}
    if any("dataset.zarr/" in path for path in finding.damaged):
        from hub.datasets.damage import touched_structures  # with numpy and zarr

        touched = touched_structures(names, finding)
    return Verified(**vars(finding), structures=touched)


def cache_size() -> CacheSize:
    """Measure what is kept on this machine.

    Raises
    ------
    StorageError
        If the cache cannot be read.
    """
    local = catalogue().local
    used = upkeep.usage(local)
    return CacheSize(local.root, used.versions, used.size, used.parts)


def prune_cache(*, all: bool = False) -> int:  # noqa: A002 - the option's name
    """Remove what no version needs, and return the bytes freed.

    What was published on this machine always stays.

    Parameters
    ----------
    all
        Also remove versions that can be pulled again, and unfinished pulls.

    Raises
    ------
    StorageError
        If the cache is no directory of ours, or cannot be written.
    IntegrityError
        If a manifest of this machine's own registry is damaged; nothing is removed then.
    """
    return upkeep.prune(catalogue().local, everything=all)
