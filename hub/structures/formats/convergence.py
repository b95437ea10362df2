"""Structures of a code's output whose electronic steps did not converge.

Codes print this in their output, but readers ignore it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.structures.annotations import CONVERGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ase import Atoms

# What each code prints at the end of the electronic steps of one structure: converged, or not.
_SAID = {
    "espresso-out": (
        re.compile(r"convergence has been achieved in"),
        re.compile(r"convergence NOT achieved after"),
    ),
    "aims-output": (
        re.compile(r"Self-consistency cycle converged"),
        re.compile(
            r"Self-consistency cycle not (?:yet )?converged\s*\.?\s*$|"
            r"self-consistency cycle did not converge",
            re.IGNORECASE,
        ),
    ),
    "cp2k-output": (
        re.compile(r"SCF run converged in"),
        re.compile(r"SCF run NOT converged"),
    ),
}
_VASP_STEP = re.compile(r"Iteration\s+\d+\(\s*(\d+)\)")
_VASP_LIMIT = re.compile(r"\bNELM\s*=\s*(\d+)")
_VASP_LIMIT_XML = re.compile(r'name="NELM"\s*>\s*(\d+)')


def mark_unconverged(frames: Sequence[Atoms], lines: Iterable[str], file_format: str) -> None:
    """Mark the structures of an output whose electronic steps did not converge.

    Truncated outputs, or those without the first step, may have more or fewer electronic cycles
    than structures; they are matched from the end.
    """
    flags = list(_flags(lines, file_format))
    count = min(len(flags), len(frames))
    for atoms, converged in zip(
        frames[len(frames) - count :], flags[len(flags) - count :], strict=True
    ):
        if not converged:
            atoms.info[CONVERGED] = False


def count_unconverged(lines: Iterable[str], file_format: str) -> int:
    """Return how many times the electronic steps of an output did not converge."""
    return sum(not converged for converged in _flags(lines, file_format))


def knows(file_format: str) -> bool:
    """Whether a format's output says whether electronic steps converged."""
    return file_format in _SAID or file_format in {"vasp-out", "vasp-xml"}


def _flags(lines: Iterable[str], file_format: str) -> Iterator[bool]:
    if file_format == "vasp-out":
        yield from _vasp_flags(lines)
    elif file_format == "vasp-xml":
        yield from _vasprun_flags(lines)
    else:
        good, bad = _SAID[file_format]
        for line in lines:
            if good.search(line):
                yield True
            elif bad.search(line):
                yield False


def _vasp_flags(lines: Iterable[str]) -> Iterator[bool]:
    """Yield a flag for each ionic step whose forces are printed.

    Older releases report that EDIFF is reached when NELM is, so the number of steps decides.
    """
    limit, step, reached = 0, 0, True
    for line in lines:
        if match := _VASP_STEP.search(line):
            step = int(match[1])
        elif "EDIFF was not reached" in line:
            reached = False
        elif not limit and (match := _VASP_LIMIT.search(line)):
            limit = int(match[1])
        elif "TOTAL-FORCE" in line and step:
            yield reached and not 0 < limit <= step
            step, reached = 0, True


def _vasprun_flags(lines: Iterable[str]) -> Iterator[bool]:
    limit, steps = 0, 0
    for line in lines:
        if not limit and (match := _VASP_LIMIT_XML.search(line)):
            limit = int(match[1])
        if "<calculation>" in line:
            steps = 0
        steps += line.count("<scstep>")
        if "</calculation>" in line:
            yield not limit or steps < limit
