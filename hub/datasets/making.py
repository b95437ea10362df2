"""Make a dataset version from a stream of blocks; can be resumed after a kill."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hub.datasets.card import MADE, Description, describe, summarise, write_card
from hub.datasets.dataset import Dataset
from hub.datasets.finishing import is_whole
from hub.datasets.layout import WRITING
from hub.datasets.writer import DatasetWriter
from hub.huggingface.card import adapt_dataset_card, address_of
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
    from registry.download import Progress
    from registry.manifest import Parent
    from registry.versions import LocalVersion

_BEGUN, _CONTENT = "begun.json", "content"


@dataclass(frozen=True)
class Content:
    """The content from which a dataset is written.

    Attributes
    ----------
    blocks
        Yields the blocks after a cursor (any JSON; None for all), each with its own cursor.
    label_sets
        The description of each label set, by name.
    dtype
        Precision of stored positions and forces.
    begun
        The inputs and options as JSON, which must be the same to resume.
    parents
        The versions from which it is made.
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
    sending: Progress | None = None,
) -> tuple[LocalVersion, dict[str, Any]]:
    """Write a dataset and publish it as a version.

    Parameters
    ----------
    content
        What to write.
    name, version
        Its permanent name and version.
    work
        The kind of work in one word, which distinguishes unfinished datasets.
    to
        The name of a registry, or a directory; the user's own registry by default.
    resume
        Resume after a kill.
    description
        Text, licence and citation.
    progress
        Called with the number of structures so far.
    sending
        Called with the number of bytes sent to the registry so far, and the total.

    Returns
    -------
    The version, and its summary (see `hub.datasets.card.summarise`).

    Raises
    ------
    DataError
        If there are no structures, or the unfinished dataset was started with other options.
    ExistsError
        If the version exists, or another process is making it.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    names = catalogue()
    check_free(names, name, version, to)
    place = names.local.files.parts / f"{work}-{name}-{version}"
    unfinished = Unfinished(place, f"{name}@{version}", _BEGUN, _CONTENT)
    with unfinished.held(names.local):
        if not _is_made(place, content.begun, resume=resume):
            unfinished.begin(content.begun)
            write_content(place / _CONTENT, content, resume=resume, progress=progress)
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
            sending=sending,
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
    sending: Progress | None = None,
) -> LocalVersion:
    """Write the card of a finished dataset, and publish it as a version.

    Parameters
    ----------
    directory
        The directory of the dataset; all its files become part of the version.
    name, version
        Its name and version.
    about
        Text, licence and citation.
    facts
        Its summary; see `hub.datasets.card.summarise`.
    metadata
        Further metadata of the manifest.
    parents
        The versions from which it is made.
    to
        The name of a registry, or a directory.
    sending
        Called with the number of bytes sent to the registry so far, and the total.

    Raises
    ------
    ExistsError, StorageError
        As in `hub.publish`.
    """
    names = catalogue()
    write_card(directory / CARD_NAME, name, version, about, facts)
    address = address_of(names, to)
    if address is not None:
        adapt_dataset_card(directory / CARD_NAME, address, facts["structures"])
    return publish(
        names,
        directory,
        name,
        version,
        kind="dataset",
        metadata={**metadata, "description": about.text, "dataset": facts},
        parents=parents,
        licence=about.licence,
        to=to,
        progress=sending,
    )


def write_content(
    directory: Path,
    content: Content,
    *,
    resume: bool,
    progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Write a dataset to a directory, without publishing it.

    Raises
    ------
    DataError
        If there are no structures, or the unfinished dataset was started with other options.
    ExistsError
        If the directory already has a dataset, or another process is writing it.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
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
    """Whether the same dataset has been completely written; another finished one is removed."""
    content = place / _CONTENT
    if not is_whole(content):
        return False
    with storage_errors(place):
        if resume and (place / _BEGUN).read_bytes() == json.dumps(begun).encode():
            # It may have been killed before cleaning up.
            discard(content / WRITING, place)
            return True
        discard(content, place)
    return False
