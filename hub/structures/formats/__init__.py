"""File readers, one per module: each recognises a format by its content, and reads it.

A reader has `recognises`, which inspects an `Opened` file, and `read`, which yields ASE structures
with labels in eV and eV/Å. The first reader that recognises a file reads it.
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

# ASE comes last, because it reads many of these incorrectly, or only by their name.
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
    """Yield the structures of a file of any known format.

    Parameters
    ----------
    path
        A file, or a directory that `deepmd.is_system` accepts.
    notes
        Notes to the user about how the file was read are added as keys.

    Raises
    ------
    DataError
        If the format is unknown or unsupported; the message begins with a verb, since the name of
        the file is put before it.
    Exception
        Any error of a reader.
    """
    if path.is_dir():
        yield from deepmd.read_directory(path, notes)
        return
    file = Opened(path)
    if not file.head:
        raise DataError("is empty", "Was it written completely?")
    for reader in _READERS:
        if reader.recognises(file):
            yield from reader.read(file, notes)
            return
    raise DataError(
        "has an unknown format",
        "Give it the usual name or extension of its format (.extxyz, OUTCAR, vasprun.xml, ...), or "
        "convert it to extxyz.",
    )
