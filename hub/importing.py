"""Import structures and their labels as a dataset, from files of any kind that has a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hub.datasets.card import Description
from hub.datasets.importing import DEFAULT_LABELS, Imported, file_source
from hub.datasets.importing import import_dataset as import_source
from hub.datasets.layout import LabelSet
from hub.errors import DataError
from hub.importers.importer import plugin_source, readers
from hub.structures.stress_labels import StressReading
from registry.origins import LOCAL
from registry.paths import texts

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from hub.datasets.importing import Source
    from hub.schemas import Convention
    from registry.download import Progress


def import_dataset(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    name: str,
    version: str = "1.0.0",
    labels: str = DEFAULT_LABELS,
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: Convention = "ase",
    reader: str = "ase",
    covers: str | None = None,
    proved_by: str | None = None,
    onto: str = "",
    dtype: Literal["float64", "float32"] | None = None,
    resume: bool = False,
    to: str = LOCAL,
    description: str = "",
    license: str = "",  # noqa: A002 - the option's name
    citation: str = "",
    teacher: str = "",
    level_of_theory: str = "",
    progress: Callable[[int, int | None], None] | None = None,
    sending: Progress | None = None,
    report: Callable[[str], None] | None = None,
) -> Imported:
    """Import files as a dataset version, in little memory.

    Parameters
    ----------
    files
        One or more names or patterns.
    name, version
        Name and version (MAJOR.MINOR.PATCH) of the dataset. A version never changes.
    labels
        Name of the label set.
    energy_key, forces_key
        Entries to take as total energy (eV) and forces (eV/Å); found by their names by default.
    stress_key, stress_convention
        Entry to take as stress or virial, ``none`` for no stresses, and its units and sign.
    reader
        ``ase`` for anything ASE reads, ``datasets`` for a Hugging Face dataset, ``npz-labels`` for
        published label files in the order of the structures of `onto`, or the importer of another
        package.
    covers
        A condition on the structures that npz-labels are of.
    proved_by
        Label set that proves the order of npz-labels.
    onto
        Dataset to add to: labels by the structures' ids, other structures at the end.
    dtype
        Of positions and forces; ``float64``, or that of `onto`, by default.
    resume
        Resume an import of the same files that was interrupted.
    to
        Name of a registry, or its directory; this machine's own by default.
    description, license, citation
        For the card; the citation as BibTeX.
    teacher, level_of_theory
        What computed the labels.
    progress
        Called with the number of structures so far.
    sending
        Called with the number of bytes sent to the registry so far, and the total.
    report
        Called with the keys that are taken, once they are known.

    Returns
    -------
    The version, what is in it, and notes.

    Raises
    ------
    DataError
        If the files cannot be read, it is unclear which entries are the labels, or options do not
        fit the reader.
    ExistsError
        If the version exists, or another process imports it now.
    PluginError
        If the importer of another package is broken.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    if reader not in readers():
        raise DataError(f"unknown reader '{reader}'", f"Choose one of: {', '.join(readers())}.")
    stress = StressReading(stress_key, stress_convention)
    if reader != "ase" and stress != StressReading():
        raise DataError(
            f"the reader {reader} takes no --stress-key and no --stress-convention",
            "Leave them out, or use --reader ase.",
        )
    paths = texts(files)
    if reader == "ase":
        source = file_source(paths, energy_key, forces_key, stress)
    elif reader == "npz-labels":
        source = _npz_labels(paths, onto, covers, proved_by)
    else:
        source = _rows(reader, paths, energy_key, forces_key)
    keys = f"energy {source.energy_key or 'none'}, forces {source.forces_key or 'none'}"
    if report:
        report(f"labels: {keys}")
    about = LabelSet(teacher, level_of_theory=level_of_theory, source=keys)
    return import_source(
        source,
        name,
        version,
        labels=labels,
        onto=onto,
        to=to,
        dtype=dtype,
        resume=resume,
        description=Description(description, license, citation, about),
        progress=progress,
        sending=sending,
    )


def _npz_labels(
    paths: Sequence[str], onto: str, covers: str | None, proved_by: str | None
) -> Source:
    from hub.importers.npz_source import npz_source

    if not onto:
        raise DataError(
            "npz-labels belong to the structures of a dataset, and none is given",
            "Name it with --onto.",
        )
    return npz_source(paths, onto, covers, proved_by)


def _rows(
    reader: str, paths: Sequence[str], energy_key: str | None, forces_key: str | None
) -> Source:
    if reader != "datasets":
        return plugin_source(reader, paths, energy_key, forces_key)
    from hub.datasets.huggingface import datasets_source  # with Hugging Face's library

    return datasets_source(paths, energy_key, forces_key)
