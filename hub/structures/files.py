"""From file names and patterns to ASE structures, one at a time."""

from __future__ import annotations

import atexit
import glob
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hub.errors import DataError
from hub.structures.formats import read_file
from hub.structures.formats.deepmd import systems
from hub.structures.units import honour_units
from registry.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping

    from ase import Atoms

_STANDARD_INPUT = "-"
_LONGEST_REASON = 300
# Copies of what can be read only once, by what was named: a pipe, or standard input.
_copies: dict[str, Path] = {}


def expand_patterns(files_or_globs: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the files that are named, each once, with glob patterns expanded in sorted order.

    Standard input (``-``) and pipes are copied to a temporary file, which lives as long as the
    process. A directory of DeePMD-kit stands for the systems in it.

    Raises
    ------
    DataError
        If a name is another directory or does not exist, or a pattern matches nothing.
    """
    files: dict[Path, Path] = {}
    if isinstance(files_or_globs, str | Path):
        files_or_globs = [files_or_globs]
    for name in map(str, files_or_globs):
        for match in _matches(name):
            for path in [match] if match.is_file() else _readable(match):
                files.setdefault(path.resolve(), path)
    if not files:
        raise DataError("no data file is given", "Name at least one file of structures.")
    return list(files.values())


def _matches(name: str) -> list[Path]:
    """Return what a name or a pattern stands for."""
    path = user_path(name)
    # A file may have brackets in its name, so the name itself goes before the pattern.
    if name == _STANDARD_INPUT or path.exists() or not glob.has_magic(name):
        return [path]
    # Path.glob takes no absolute patterns.
    found = glob.glob(str(path), recursive=True)  # noqa: PTH207
    if not found:
        raise DataError(f"no file matches {name!r}", "Check the pattern and the directory.")
    return [Path(match) for match in sorted(found)]


def _readable(path: Path) -> list[Path]:
    """Return what can be read of something that is no regular file."""
    if str(path) == _STANDARD_INPUT:
        return [_copied(path, sys.stdin.buffer)]
    if path.is_dir():
        found = systems(path)
        if not found:
            raise DataError(
                f"{path} is a directory, not a file of structures",
                f"Name the files in it, for example '{path}/*.xyz'.",
            )
        return found
    if not path.exists():
        raise DataError(f"there is no file {path}", "Check the name.")
    if not path.is_fifo() and path.resolve() != Path("/dev/stdin").resolve():
        raise DataError(
            f"{path} is no file and no pipe, but a device", "Write the structures to a file first."
        )
    # A pipe that nobody writes to is empty, rather than waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        os.set_blocking(stream.fileno(), True)
        return [_copied(path, stream)]


def _copied(path: Path, stream: IO[bytes]) -> Path:
    """Copy what can be read only once to where it can be read again."""
    if str(path) not in _copies:
        folder = Path(tempfile.mkdtemp(prefix="mlip-hub-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        name = "standard-input" if str(path) == _STANDARD_INPUT else path.name
        with (folder / name).open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        _copies[str(path)] = folder / name
    return _copies[str(path)]


def shown_name(path: Path) -> str:
    """Return what a person calls a file: for a copy of standard input or a pipe, that."""
    for name, copy in _copies.items():
        if copy == path:
            return "standard input" if name == _STANDARD_INPUT else name
    return str(path)


def iterate_file(path: Path, notes: MutableMapping[str, None] | None = None) -> Iterator[Atoms]:
    """Yield the structures of one file, of any format that is known, with labels in eV and eV/Å.

    Parameters
    ----------
    path
        As `expand_patterns` returns it.
    notes
        What a person should know about how it was read is added to its keys.

    Raises
    ------
    DataError
        If the file cannot be read, naming the structure where it breaks.
    """
    notes = {} if notes is None else notes
    name, count = shown_name(path), 0
    frames = read_file(path, notes)
    try:
        while (atoms := _next_silently(frames)) is not None:
            _require_atoms(atoms, f"{name}[{count}]")
            honour_units(atoms, notes)
            yield atoms
            count += 1
    except DataError as failure:
        where = f"{name}[{count}]" if count else name
        raise DataError(
            failure.message if name in failure.message else f"{where} {failure.message}",
            failure.hint,
        ) from failure
    except OSError as failure:
        raise DataError(
            f"{name} cannot be read: {failure.strerror or failure}",
            "Check the file and its permissions.",
        ) from failure
    except Exception as failure:  # parsers raise whatever their code runs into
        raise DataError(
            f"{name}[{count}] cannot be read: {_reason(failure)}",
            f"{count} structures before it are fine. Is the file cut off, or damaged there?"
            if count
            else "Is this a file of structures (extxyz, OUTCAR, vasprun.xml, ...), and complete?",
        ) from failure
    if count == 0:
        raise DataError(f"{name} holds no structures", "Is it empty?")


def _next_silently(frames: Iterator[Atoms]) -> Atoms | None:
    """Read on without warnings of a reader's own code; the data are checked afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return next(frames, None)


def _require_atoms(atoms: Atoms, where: str) -> None:
    if len(atoms) == 0:
        raise DataError(f"{where} has no atoms", "Remove this structure.")


def _reason(failure: Exception) -> str:
    """Say in words what a reader ran into."""
    if isinstance(failure, KeyError):
        return f"{failure} is missing or not known"
    if isinstance(failure, AssertionError | StopIteration | IndexError) or not str(failure):
        return f"its parts do not fit together ({type(failure).__name__})"
    return str(failure)[:_LONGEST_REASON]
