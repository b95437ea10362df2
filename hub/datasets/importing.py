"""Import files as a dataset version: stream structures through a writer, then publish."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hub.datasets.card import Description, made_of
from hub.datasets.dataset import Dataset
from hub.datasets.extending import Extension
from hub.datasets.finishing import is_whole
from hub.datasets.frames import Frames
from hub.datasets.layout import check_label_name
from hub.datasets.making import Content, make_dataset, write_content
from hub.library import catalogue, open_version
from hub.structures.files import expand_patterns, iterate_file
from hub.structures.reading import read_structures
from hub.structures.stress_labels import StressReading
from registry.manifest import Parent
from registry.origins import LOCAL
from registry.publishing import check_free

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ase import Atoms

    from hub.datasets.blocks import Block
    from hub.datasets.layout import LabelSet
    from registry.download import Progress
    from registry.versions import LocalVersion

# Labels are detected in this many structures; their names are then used for all.
LOOKED_AT = 1000
DEFAULT_LABELS = "reference"


@dataclass(frozen=True)
class Source:
    """Structures that can be iterated over more than once.

    Attributes
    ----------
    describe
        Its description as JSON, which must be the same to resume.
    energy_key, forces_key
        The entries that are labels; empty for none.
    frames
        Yields the structures after a position, each with its own position (any JSON).
    notes
        Notes for the user about the labels.
    stress
        Which entries are stresses or virials, and their convention.
    """

    describe: Any
    energy_key: str
    forces_key: str
    frames: Callable[[Any], Iterator[tuple[Any, Atoms]]]
    notes: tuple[str, ...] = ()
    stress: StressReading = field(default_factory=StressReading)


@dataclass(frozen=True)
class Imported:
    """A finished import.

    Attributes
    ----------
    version
        The new version.
    facts
        Its summary; see `hub.datasets.card.summarise`.
    notes
        Notes for the user: keys used, entries left out.
    """

    version: LocalVersion
    facts: dict[str, Any]
    notes: tuple[str, ...]


def file_source(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress: StressReading | None = None,
) -> Source:
    """Open files of any format that ASE reads.

    Raises
    ------
    DataError
        If a file is missing or broken, or it is not clear which entries are the labels.
    """
    paths = expand_patterns(files)  # type: ignore[arg-type]
    stress = stress or StressReading()
    found = read_structures(
        paths, energy_key, forces_key, require_labels=False, limit=LOOKED_AT, stress=stress
    )

    def frames(after: Any) -> Iterator[tuple[Any, Atoms]]:
        file, frame = after or (0, -1)
        for number in range(file, len(paths)):
            for position, atoms in enumerate(iterate_file(paths[number])):
                if number > file or position > frame:
                    yield [number, position], atoms

    sizes = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
    describe: dict[str, Any] = {
        "files": sizes,
        "energy": found.energy_key,
        "forces": found.forces_key,
    }
    if stress != StressReading():
        describe["stress"] = [stress.key, stress.convention]
    return Source(describe, found.energy_key, found.forces_key, frames, found.notes, stress)


def import_dataset(
    source: Source,
    name: str,
    version: str = "1.0.0",
    *,
    labels: str = DEFAULT_LABELS,
    onto: str = "",
    to: str = LOCAL,
    dtype: str | None = None,
    resume: bool = False,
    description: Description | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    sending: Progress | None = None,
) -> Imported:
    """Make a dataset version from structures and their labels.

    Parameters
    ----------
    source
        The source of the structures.
    name, version
        Its permanent name and version.
    labels
        The name of the label set.
    onto
        A dataset to extend: labels of structures that it contains are joined to them by id, other
        structures are appended.
    to
        The name of a registry, or a directory; the user's own registry by default.
    dtype
        Precision of stored positions and forces: ``float64`` (the default, unless the extended
        dataset has another), or ``float32``.
    resume
        Resume an identical import that was killed.
    description
        Text, licence, citation, and the description of the label set.
    progress
        Called with the number of structures so far.
    sending
        Called with the number of bytes sent to the registry so far, and the total.

    Raises
    ------
    DataError
        If the input cannot be used.
    ExistsError
        If the version exists, or another process is importing it.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    check_free(catalogue(), name, version, to)
    description = description or Description()
    base = open_version(onto) if onto else None
    extension = Extension(Dataset(base.path, onto), labels) if base else None
    frames = Frames(check_label_name(labels), source.energy_key, source.forces_key, source.stress)
    label_sets = dict(extension.dataset.label_sets) if extension else {}
    if frames.has_labels:
        label_sets.setdefault(labels, description.labels)
    parent = base.version if base else None
    content = Content(
        blocks=lambda cursor: _blocks(source, frames, extension, cursor),
        label_sets=label_sets,
        dtype=dtype or (extension.dataset.dtype if extension else "float64"),
        begun=[source.describe, labels, onto, dtype],
        parents=_parents(parent),
    )
    # An extended dataset keeps its licence, unless a new one is given.
    licence = description.licence or (parent.manifest.licence if parent else "")
    description = replace(description, licence=licence, made=(*made_of(parent), *description.made))
    published, facts = make_dataset(
        content,
        name,
        version,
        work="import",
        to=to,
        resume=resume,
        description=description,
        progress=progress,
        sending=sending,
    )
    return Imported(published, facts, (*source.notes, *frames.notes()))


def write_dataset(directory: Path, source: Source, labels: str, label_set: LabelSet) -> None:
    """Write structures and their labels as a dataset in a directory, unless it is finished.

    Parameters
    ----------
    directory
        The directory; its parent exists.
    source
        The source of the structures.
    labels, label_set
        Name and description of the label set.

    Raises
    ------
    DataError
        If there are no structures, or an unfinished dataset was started with others.
    StorageError
        If the disk is full or cannot be written.
    """
    if is_whole(directory):
        return
    frames = Frames(check_label_name(labels), source.energy_key, source.forces_key, source.stress)
    content = Content(
        blocks=lambda cursor: _blocks(source, frames, None, cursor),
        label_sets={labels: label_set},
        dtype="float64",
        begun=[source.describe, labels],
    )
    write_content(directory, content, resume=True)


def _blocks(
    source: Source, frames: Frames, extension: Extension | None, cursor: Any
) -> Iterator[tuple[Any, Block]]:
    """Yield the blocks after a cursor, each with its own: positions in the base and the source."""
    in_base, in_source = cursor or (0, None)
    if extension:
        extension.gather(block for _, block in frames.blocks(source.frames(None)))
        for number, block in extension.blocks(in_base):
            yield [number, None], block
            in_base = number
    for place, block in frames.blocks(source.frames(in_source)):
        new = extension.new_of(block) if extension else block
        if len(new.structures):
            yield [in_base, place], new


def _parents(parent: LocalVersion | None) -> tuple[Parent, ...]:
    if parent is None:
        return ()
    manifest = parent.manifest
    return (Parent(manifest.name, manifest.version, parent.digest, "extended"),)
