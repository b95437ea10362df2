"""From a stream of blocks to a dataset version; a killed maker goes on where it was."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hub.datasets.card import MADE, Description, describe, summarise, write_card
from hub.datasets.dataset import Dataset
from hub.datasets.finishing import is_whole
from hub.datasets.layout import WRITING
from hub.datasets.writer import DatasetWriter
from hub.jobs.unfinished import Unfinished
from hub.library import catalogue
from registry.cards import FILE_NAME as CARD_NAME
from registry.files import storage_errors
from registry.origins import LOCAL
from registry.publishing import check_free, publish
from registry.removal import discard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hub.datasets.blocks import Block
    from hub.datasets.layout import LabelSet
    from registry.manifest import Parent
    from registry.versions import LocalVersion

_BEGUN, _CONTENT = "begun.json", "content"


@dataclass(frozen=True)
class Content:
    """What a dataset is written from.

    Attributes
    ----------
    blocks
        Gives the blocks after a cursor (any JSON; None for all), each after its own.
    label_sets
        What is known about each label set, by name.
    dtype
        What positions and forces are kept as.
    begun
        What is made of what, as JSON: whoever resumes must say the same.
    parents
        The versions that it is made from.
    """

    blocks: Callable[[Any], Iterator[tuple[Any, Block]]]
    label_sets: Mapping[str, LabelSet]
    dtype: str
    begun: Any
    parents: tuple[Parent, ...] = ()


def make_dataset(
    content: Content,
    name: str,
    version: str,
    *,
    work: str,
    to: str = LOCAL,
    resume: bool = False,
    description: Description | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[LocalVersion, dict[str, Any]]:
    """Write a dataset and publish it as a version.

    Parameters
    ----------
    content
        What to write.
    name, version
        What it is to be called, for good.
    work
        What is done, in a word: unfinished datasets are kept apart by it.
    to
        The name of a registry, or a directory; this machine's own registry by default.
    resume
        Go on after a killed predecessor.
    description
        Text, licence and citation.
    progress
        Called with the number of structures so far.

    Returns
    -------
    The version, and what is in it (see `hub.datasets.card.summarise`).

    Raises
    ------
    DataError
        If there are no structures, or what is unfinished was begun in another way.
    ExistsError
        If the version exists, or another process makes it now.
    StorageError
        If the disk is full or cannot be written; `resume` goes on from there.
    """
    names = catalogue()
    check_free(names, name, version, to)
    place = names.local.files.parts / f"{work}-{name}-{version}"
    unfinished = Unfinished(place, f"{name}@{version}", _BEGUN, _CONTENT)
    with unfinished.held(names.local):
        if not _is_made(place, content.begun, resume=resume):
            unfinished.begin(content.begun)
            _write(place / _CONTENT, content, resume=resume, progress=progress)
        facts = summarise(Dataset(place / _CONTENT, name))
        about = description or Description()
        about = replace(about, text=about.text or describe(facts))
        published = publish_dataset(
            place / _CONTENT,
            name,
            version,
            about,
            facts,
            metadata={MADE: about.made},
            parents=content.parents,
            to=to,
        )
        unfinished.retire(names.local)
    return published, facts


def publish_dataset(
    directory: Path,
    name: str,
    version: str,
    about: Description,
    facts: dict[str, Any],
    *,
    metadata: dict[str, Any],
    parents: Sequence[Parent],
    to: str,
) -> LocalVersion:
    """Write the card of a dataset that is whole, and publish it as a version.

    Parameters
    ----------
    directory
        The dataset's; all that is in it becomes part of the version.
    name, version
        What it is called.
    about
        Text, licence and citation.
    facts
        What is in it; see `hub.datasets.card.summarise`.
    metadata
        For the manifest, besides text and facts.
    parents
        The versions that it is made from.
    to
        The name of a registry, or a directory.

    Raises
    ------
    ExistsError, StorageError
        As `hub.publish` does.
    """
    write_card(directory / CARD_NAME, name, version, about, facts)
    return publish(
        catalogue(),
        directory,
        name,
        version,
        kind="dataset",
        metadata={**metadata, "description": about.text, "dataset": facts},
        parents=parents,
        licence=about.licence,
        to=to,
    )


def _write(
    directory: Path,
    content: Content,
    *,
    resume: bool,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    with DatasetWriter(
        directory,
        content.label_sets,
        dtype=content.dtype,
        resume=resume,
        source=content.begun,
    ) as writer:
        for cursor, block in content.blocks(writer.cursor):
            writer.append(block, cursor)
            if progress:
                progress(writer.n_structures, None)
        writer.finish()


def _is_made(place: Path, begun: Any, *, resume: bool) -> bool:
    """Whether a predecessor wrote the same dataset to its end; another that is whole is removed."""
    content = place / _CONTENT
    if not is_whole(content):
        return False
    with storage_errors(place):
        if resume and (place / _BEGUN).read_bytes() == json.dumps(begun).encode():
            # It may have been killed before it had tidied up.
            discard(content / WRITING, place)
            return True
        discard(content, place)
    return False
