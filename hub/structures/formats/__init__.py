"""Readers of files, one a file: each recognises a format by its content, and reads it.

A reader has `recognises`, which looks at an `Opened` file, and `read`, which yields ASE structures
with labels in eV and eV/Å. The first that recognises a file reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.structures.formats import (
    ase_files,
    cp2k,
    deepmd,
    dpdata_files,
    extxyz,
    json_files,
    lammps,
    lmdb_files,
    mtp,
    npz,
    unreadable,
    vasp,
)
from hub.structures.formats.opened import Opened

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

    from ase import Atoms

# Before ASE's, for it reads many of these wrongly, or by their name alone.
_READERS = (
    npz,
    lmdb_files,
    json_files,
    lammps,
    mtp,
    vasp,
    cp2k,
    extxyz,
    dpdata_files,
    unreadable,
    ase_files,
)


def read_file(path: Path, notes: MutableMapping[str, None]) -> Iterator[Atoms]:
    """Yield the structures of a file of any format that is known.

    Parameters
    ----------
    path
        A file, or a directory that `deepmd.is_system` accepts.
    notes
        What a person should know about how it was read is added to its keys.

    Raises
    ------
    DataError
        If the format is not known, or known and not readable; the message begins with a verb, for
        the name of the file goes before it.
    Exception
        Whatever a reader runs into.
    """
    if path.is_dir():
        yield from deepmd.read_directory(path, notes)
        return
    file = Opened(path)
    if not file.head:
        raise DataError("is empty", "Was it written to the end?")
    for reader in _READERS:
        if reader.recognises(file):
            yield from reader.read(file, notes)
            return
    raise DataError(
        "has a format that neither its content nor its name tells",
        "Give it the usual name or ending of its format (.extxyz, OUTCAR, vasprun.xml, ...), or "
        "convert it to extxyz.",
    )
