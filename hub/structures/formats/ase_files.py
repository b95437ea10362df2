"""Everything that ASE reads: recognised by its content first, then by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.structures.formats import convergence

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

    from ase import Atoms

    from hub.structures.formats.opened import Opened

_DATABASE_JSON = re.compile(r'\A\s*\{\s*"\d+"\s*:\s*\{')
_SQLITE = b"SQLite format 3\0"
# Formats that ASE recognises by name alone; the content must match.
_HELD_BY_NAME = {"vasp-out": "VASP OUTCAR", "json": "ASE database", "db": "ASE database"}


def recognises(file: Opened) -> bool:
    """Whether ASE knows the format by content or name."""
    return bool(_format(file))


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Yield the structures of a file."""
    file_format = _format(file)
    with file.plain() as path:
        if file_format in {"db", "json"}:
            yield from read_database(path, file_format)
        else:
            yield from read_with_ase(path, file_format)


def read_with_ase(path: Path, file_format: str) -> Iterator[Atoms]:
    """Yield the structures of a file of a known format."""
    from ase.io.formats import iread

    frames = iread(str(path), ":", format=file_format, do_not_split_by_at_sign=True)
    if not convergence.knows(file_format):
        yield from frames
        return
    steps = list(frames)
    with path.open(encoding="utf-8", errors="replace") as lines:
        convergence.mark_unconverged(steps, lines, file_format)
    yield from steps


def read_database(path: Path, kind: str) -> Iterator[Atoms]:
    """Read an ASE database with its extra entries, which `ase.io` leaves out."""
    from ase.db import connect

    with connect(str(path), type=kind, serial=True) as database:
        for row in database.select():
            yield row.toatoms(add_additional_information=True)


def is_database_json(text: str) -> bool:
    """Whether a text begins like an ASE database in JSON."""
    return bool(_DATABASE_JSON.match(text))


def _format(file: Opened) -> str:
    """Return ASE's name of a file's format; empty if it is not known."""
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats, match_magic

    if file.head.startswith(_SQLITE):
        return "db"
    if is_database_json(file.text):
        return "json"
    try:
        return str(match_magic(file.head).name)
    except UnknownFileTypeError:
        pass
    try:
        named = str(filetype(file.name, read=False))
    except UnknownFileTypeError:
        return ""
    if named in _HELD_BY_NAME:
        raise DataError(
            f"is not a valid {_HELD_BY_NAME[named]}, although its name says so",
            "Which program wrote it? Give it the usual name or extension of its format.",
        )
    return named if named in ioformats else ""
