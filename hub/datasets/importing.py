"""From files to a dataset version: structures streamed through a writer, then published."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hub.datasets.card import Description, made_of
from hub.datasets.dataset import Dataset
from hub.datasets.extending import Extension
from hub.datasets.frames import Frames
from hub.datasets.layout import check_label_name
from hub.datasets.making import Content, make_dataset
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

    from ase import Atoms

    from hub.datasets.blocks import Block
    from registry.versions import LocalVersion

# Labels are looked for in so many structures; all are read under the names found there.
LOOKED_AT = 1000
DEFAULT_LABELS = "reference"


@dataclass(frozen=True)
class Source:
    """Structures that can be gone through more than once.

    Attributes
    ----------
    describe
        What it is, as JSON: whoever resumes must have the same.
    energy_key, forces_key
        The entries that are labels; empty for none.
    frames
        Gives the structures after a place, each after its own place (any JSON).
    notes
        What a person should know about the labels.
    stress
        Which entries are stresses or virials, and of what convention.
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
        What is in it; see `hub.datasets.card.summarise`.
    notes
        What a person should know: keys taken, entries that were left out.
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
    """Look into files of any format that ASE reads.

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
) -> Imported:
    """Make a dataset version of structures and their labels.

    Parameters
    ----------
    source
        Where the structures come from.
    name, version
        What it is to be called, for good.
    labels
        The name of the label set.
    onto
        A dataset that this one contains and adds to: labels of structures that it has are joined
        to them by id, other structures are added at the end.
    to
        The name of a registry, or a directory; this machine's own registry by default.
    dtype
        What positions and forces are kept as: ``float64`` (the default, unless the dataset that is
        added to has another), or ``float32``.
    resume
        Go on after an import of the same that was killed.
    description
        Text, licence, citation, and what is known about the label set.
    progress
        Called with the number of structures so far.

    Raises
    ------
    DataError
        If the input cannot be used.
    ExistsError
        If the version exists, or another process imports it now.
    StorageError
        If the disk is full or cannot be written; `resume` goes on from there.
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
    # What is added to keeps its terms, unless they are given anew.
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
    )
    return Imported(published, facts, (*source.notes, *frames.notes()))


def _blocks(
    source: Source, frames: Frames, extension: Extension | None, cursor: Any
) -> Iterator[tuple[Any, Block]]:
    """Give the blocks after a cursor, each after its own: places in the base and in the source."""
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
