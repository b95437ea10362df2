"""An xyz file split into structures; oversized input is refused before it is parsed."""

from __future__ import annotations

from itertools import islice
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 500_000  # characters; ASE needs seconds for a comment of that length
MOST_COLUMNS = 10_000
MOST_ATOMS = 10_000_000
LARGEST_STRUCTURE = 1 << 28  # characters


def cut_frames(stream: IO[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the line with the number of atoms, the comment and the lines of the atoms.

    Raises
    ------
    ValueError
        If the file is not an xyz file, ends within a structure, or exceeds a limit of this module.
    """
    lines = _numbered_lines(stream)
    for number, header in lines:
        if not header.strip():
            continue
        n_atoms = _number_of_atoms(header, number)
        frame, size = [], 0
        for _, line in islice(lines, n_atoms + 1):
            frame.append(line)
            size += len(line)
            if size > LARGEST_STRUCTURE:
                raise ValueError(
                    f"the structure that starts on line {number} has more than "
                    f"{LARGEST_STRUCTURE:,} characters"
                )
        missing = n_atoms + 1 - len(frame)
        if missing:
            raise ValueError(
                f"the file ends unexpectedly: the structure of {n_atoms} atoms that starts on line "
                f"{number} is missing {missing} lines"
            )
        yield header, frame[0], frame[1:]


def _numbered_lines(stream: IO[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines, numbered from 1; raise if one is too long, before it is in memory."""
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
        raise ValueError(f"line {number}: expected a number of atoms, got {shown!r}")
    if n_atoms > MOST_ATOMS:
        raise ValueError(f"line {number} declares more than {MOST_ATOMS:,} atoms")
    return n_atoms
