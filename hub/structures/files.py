"""From file names and patterns to ASE structures, one at a time."""

from __future__ import annotations

import atexit
import glob
import os
import re
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
# Copies of pipes and standard input, which can be read only once, by the given name.
_copies: dict[str, Path] = {}


def expand_patterns(files_or_globs: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the named files, each once, with glob patterns expanded in sorted order.

    Standard input (``-``) and pipes are copied to a temporary file, which is kept until the process
    ends. A DeePMD-kit directory stands for the systems in it.

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
        raise DataError("no data file given", "Name at least one file of structures.")
    return list(files.values())


def _matches(name: str) -> list[Path]:
    """Return what a name or a pattern stands for."""
    path = user_path(name)
    # A file may have brackets in its name, so the name itself takes precedence.
    if name == _STANDARD_INPUT or path.exists() or not glob.has_magic(name):
        return [path]
    # Path.glob takes no absolute patterns.
    found = glob.glob(str(path), recursive=True)  # noqa: PTH207
    if not found:
        raise DataError(f"no file matches {name!r}", "Check the pattern and the directory.")
    return [Path(match) for match in sorted(found)]


def _readable(path: Path) -> list[Path]:
    """Return the readable files for a path that is not a regular file."""
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
        raise DataError(f"file {path} not found", "Check the name.")
    if not path.is_fifo() and path.resolve() != Path("/dev/stdin").resolve():
        raise DataError(
            f"{path} is a device, not a file or pipe", "Write the structures to a file first."
        )
    # Do not wait for a pipe without a writer: treat it as empty.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        os.set_blocking(stream.fileno(), True)
        return [_copied(path, stream)]


def _copied(path: Path, stream: IO[bytes]) -> Path:
    """Copy a stream that can be read only once to a temporary file."""
    if str(path) not in _copies:
        folder = Path(tempfile.mkdtemp(prefix="mlip-hub-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        name = "standard-input" if str(path) == _STANDARD_INPUT else path.name
        with (folder / name).open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        _copies[str(path)] = folder / name
    return _copies[str(path)]


def shown_name(path: Path) -> str:
    """Return the user's name of a file, also for a copy of standard input or a pipe."""
    for name, copy in _copies.items():
        if copy == path:
            return "standard input" if name == _STANDARD_INPUT else name
    return str(path)


def iterate_file(path: Path, notes: MutableMapping[str, None] | None = None) -> Iterator[Atoms]:
    """Yield the structures of one file of any known format, with labels in eV and eV/Å.

    Parameters
    ----------
    path
        As returned by `expand_patterns`.
    notes
        Notes to the user about how the file was read are added as keys.

    Raises
    ------
    DataError
        If the file cannot be read; the message names the structure that fails.
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
        is_named = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", failure.message)
        raise DataError(
            failure.message if is_named else f"{where} {failure.message}", failure.hint
        ) from failure
    except OSError as failure:
        raise DataError(
            f"{name} cannot be read: {failure.strerror or failure}",
            "Check the file and its permissions.",
        ) from failure
    except Exception as failure:  # parsers may raise anything
        raise DataError(
            f"{name}[{count}] cannot be read: {_reason(failure)}",
            f"The {count} structures before it are fine. Is the file truncated or corrupted there?"
            if count
            else "Is this a complete file of structures (extxyz, OUTCAR, vasprun.xml, ...)?",
        ) from failure
    if count == 0:
        raise DataError(f"{name} contains no structures", "Is it empty?")


def _next_silently(frames: Iterator[Atoms]) -> Atoms | None:
    """Read the next structure without warnings from readers; the data are checked afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return next(frames, None)


def _require_atoms(atoms: Atoms, where: str) -> None:
    if len(atoms) == 0:
        raise DataError(f"{where} has no atoms", "Remove this structure.")


def _reason(failure: Exception) -> str:
    """Describe the error of a reader."""
    if isinstance(failure, KeyError):
        return f"{failure} is missing or unknown"
    if isinstance(failure, AssertionError | StopIteration | IndexError) or not str(failure):
        return f"its content is inconsistent ({type(failure).__name__})"
    return str(failure)[:_LONGEST_REASON]
