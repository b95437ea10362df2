"""Get a version: the whole of it, or the part of a dataset that is needed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from hub.library import Pulled, catalogue
from registry.paths import user_path
from registry.references import Reference

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from registry.download import Progress


def pull(
    reference: str,
    out: str | Path | None = None,
    *,
    update: bool = False,
    accept: bool = False,
    labels: Collection[str] | None = None,
    where: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    to: str | Path | None = None,
) -> Path:
    """Get a version and return the directory that holds its files.

    Parameters
    ----------
    reference
        ``name``, ``name@1.2.0``, ``name@sha256:<digest prefix>`` or ``registry/name``.
    out
        A new or empty directory for a copy of your own. Without it the files stay in the cache,
        where they must not be changed.
    update
        Ask the registries for the newest version, even if the cache has one.
    accept
        Accept content that differs from what this machine has seen under this version.
    labels
        Names of the label sets to get of a dataset; all by default.
    where
        A condition on the structures to get of a dataset, such as ``density >= 2.0``.
    sample
        Number of structures to get of a dataset (random subset).
    seed
        Random seed of `sample`.
    progress
        Called with the bytes received so far and in total.
    to
        The old name of `out`.

    Raises
    ------
    NotFoundError
        If no registry has it.
    OfflineError
        If the network is needed, but switched off or unreachable.
    IntegrityError
        If only wrong bytes are available; a `SubstitutedError` if this machine has seen other
        content under this name and version.
    DataError
        If part of a dataset is asked for, and it is no dataset or has no such labels or columns.
    StorageError
        If the disk is full or cannot be written.
    """
    if to is not None:
        if out is not None:
            raise TypeError("pull() got both out and to, its old name")
        warnings.warn("pull(to=...) is now pull(out=...)", DeprecationWarning, stacklevel=2)
        out = to
    return pull_version(
        reference,
        out,
        update=update,
        accept=accept,
        labels=labels,
        where=where,
        sample=sample,
        seed=seed,
        progress=progress,
    ).version.path


def pull_version(
    reference: str,
    out: str | Path | None = None,
    *,
    update: bool = False,
    accept: bool = False,
    labels: Collection[str] | None = None,
    where: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Pulled:
    """Do what `pull` does, and return the version and how much was moved."""
    target = user_path(out) if out is not None else None
    if labels is None and where is None and sample is None:
        parsed = Reference.parse(reference)
        return Pulled(
            catalogue().pull(parsed, to=target, update=update, accept=accept, progress=progress)
        )
    from hub.datasets.pulling import pull_dataset
    from hub.datasets.selection import Choice

    choice = Choice(where, sample, seed)
    return pull_dataset(
        reference,
        labels=labels,
        choice=choice if choice.is_any else None,
        out=target,
        update=update,
        accept=accept,
        progress=progress,
    )
