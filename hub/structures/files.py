"""From file names and patterns to ASE structures, one at a time."""

from __future__ import annotations

import glob
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import DataError
from registry.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO, Any

    from ase import Atoms

# Of an extxyz file, so that a damaged or hostile one is refused in little time and memory.
LONGEST_LINE = 500_000  # characters; ASE needs seconds for a comment of that length
MOST_COLUMNS = 10_000
MOST_ATOMS = 10_000_000
LARGEST_STRUCTURE = 1 << 28  # characters

_DATABASES = {"db", "json"}
_LONGEST_REASON = 300


def expand_patterns(files_or_globs: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the files that are named, each once, with glob patterns expanded in sorted order.

    Raises
    ------
    DataError
        If a name is a directory or does not exist, or a pattern matches nothing.
    """
    files: dict[Path, Path] = {}
    if isinstance(files_or_globs, str | Path):
        files_or_globs = [files_or_globs]
    for name in map(str, files_or_globs):
        path = user_path(name)
        # A file may have brackets in its name, so the name itself goes before the pattern.
        if path.exists() or not glob.has_magic(name):
            matches = [path]
        else:
            # Path.glob takes no absolute patterns.
            found = glob.glob(str(path), recursive=True)  # noqa: PTH207
            matches = [Path(match) for match in sorted(found)]
        if not matches:
            raise DataError(f"no file matches {name!r}", "Check the pattern and the directory.")
        for match in matches:
            _require_file(match)
            files.setdefault(match.resolve(), match)
    if not files:
        raise DataError("no data file is given", "Name at least one file of structures.")
    return list(files.values())


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(
            f"{path} is a directory, not a file of structures",
            f"Name the files in it, for example '{path}/*.xyz'.",
        )
    if not path.exists():
        raise DataError(f"there is no file {path}", "Check the name.")
    if not path.is_file():
        raise DataError(
            f"{path} is no regular file, but a pipe or a device",
            "Write the structures to a file first.",
        )


def iterate_file(path: Path) -> Iterator[Atoms]:
    """Yield the structures of one file, of any format that ASE reads.

    Raises
    ------
    DataError
        If the file cannot be read, naming the structure where it breaks.
    """
    count = 0
    try:
        for atoms in _open_structures(path):
            _require_atoms(atoms, f"{path}[{count}]")
            yield atoms
            count += 1
    except DataError:
        raise
    except OSError as failure:
        raise DataError(
            f"{path} cannot be read: {failure.strerror or failure}",
            "Check the file and its permissions.",
        ) from failure
    except Exception as failure:  # ASE's parsers raise whatever their code runs into
        reason = str(failure)[:_LONGEST_REASON] or type(failure).__name__
        raise DataError(
            f"{path}[{count}] cannot be read: {reason}",
            f"{count} structures before it are fine. Is the file cut off, or damaged there?"
            if count
            else "Is this a file of structures that ASE reads (extxyz, OUTCAR, vasprun.xml, ...)?",
        ) from failure
    if count == 0:
        raise DataError(f"{path} holds no structures", "Is it empty?")


def _require_atoms(atoms: Atoms, where: str) -> None:
    if len(atoms) == 0:
        raise DataError(f"{where} has no atoms", "Remove this structure.")


def _open_structures(path: Path) -> Iterator[Atoms]:
    from ase.io.formats import UnknownFileTypeError, filetype, iread, open_with_compression

    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty", "Was it written to the end?")
    try:
        file_format = filetype(str(path))
    except UnknownFileTypeError as failure:
        raise DataError(
            f"ASE does not know the format of {path}",
            "Give it the usual name or ending of its format, such as .extxyz or vasprun.xml.",
        ) from failure
    if file_format == "extxyz":
        with open_with_compression(str(path), "r") as stream:
            yield from iterate_extxyz(stream)
    elif file_format in _DATABASES:
        yield from _iterate_database(path)
    else:
        yield from iread(str(path), ":", format=file_format, do_not_split_by_at_sign=True)


def _iterate_database(path: Path) -> Iterator[Atoms]:
    """Read an ASE database with its extra entries, which `ase.io` leaves out."""
    from ase.db import connect

    with connect(str(path), serial=True) as database:
        for row in database.select():
            yield row.toatoms(add_additional_information=True)


def iterate_extxyz(stream: IO[str]) -> Iterator[Atoms]:
    """Yield the structures of an extxyz stream: cut it into frames here, and let ASE read each.

    ASE's own iteration scans the whole file first, takes a blank line for the end of the file, and
    does not say which structure is broken. What exceeds the limits above is refused unparsed.
    """
    from ase.io.extxyz import read_xyz

    lines = _numbered_lines(stream)
    for number, header in lines:
        if not header.strip():
            continue
        n_atoms = _number_of_atoms(header, number)
        frame, size = [header], 0
        for _, line in islice(lines, n_atoms + 1):
            frame.append(line)
            size += len(line)
            if size > LARGEST_STRUCTURE:
                raise ValueError(
                    f"the structure that starts on line {number} has more than "
                    f"{LARGEST_STRUCTURE:,} characters"
                )
        missing = n_atoms + 2 - len(frame)
        if missing:
            raise ValueError(
                f"the file ends {missing} lines before the end of the structure of {n_atoms} atoms "
                f"that starts on line {number}"
            )
        yield next(read_xyz(StringIO("".join(frame)), index=0, properties_parser=_parse_comment))


def _numbered_lines(stream: IO[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines, from 1, and refuse one that is too long before it is in memory."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} has more than {LONGEST_LINE:,} characters")
        yield number, line


def _number_of_atoms(header: str, number: int) -> int:
    try:
        n_atoms = int(header)
    except ValueError:
        n_atoms = -1
    if n_atoms < 0:
        shown = header.strip()[:40]
        raise ValueError(f"line {number} should be a number of atoms, but is {shown!r}")
    if n_atoms > MOST_ATOMS:
        raise ValueError(f"line {number} announces more than {MOST_ATOMS:,} atoms")
    return n_atoms


def _parse_comment(comment: str) -> dict[str, Any]:
    """Read a comment line as ASE does, which then makes an array of all columns it announces."""
    from ase.io.extxyz import key_val_str_to_dict

    content: dict[str, Any] = key_val_str_to_dict(comment)
    announced = str(content.get("Properties", "")).split(":")[2::3]
    if sum(map(int, announced)) > MOST_COLUMNS:
        raise ValueError(f"its comment announces more than {MOST_COLUMNS:,} columns")
    return content
