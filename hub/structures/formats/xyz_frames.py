"""An xyz file cut into structures; what would take for ever, or all memory, is refused unparsed."""

from __future__ import annotations

from itertools import islice
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 500_000  # characters; ASE needs seconds for a comment of that length
MOST_COLUMNS = 10_000
MOST_ATOMS = 10_000_000
LARGEST_STRUCTURE = 1 << 28  # characters


def cut_frames(stream: IO[str]) -> Iterator[tuple[str, str, str]]:
    """Yield of each structure the line with its number of atoms, its comment, and its atoms.

    Raises
    ------
    ValueError
        If the file is no xyz file, ends within a structure, or exceeds a limit of this module.
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
                f"the file ends {missing} lines before the end of the structure of {n_atoms} atoms "
                f"that starts on line {number}"
            )
        yield header, frame[0], "".join(frame[1:])


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
