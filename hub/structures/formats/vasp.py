"""VASP's OUTCAR, read by ASE without the steps of a machine-learned force field."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hub.structures.formats.ase_files import read_with_ase

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

NAME = "VASP OUTCAR"
_FIRST_LINE = re.compile(r"\A\s*vasp\.\d", re.IGNORECASE)
_LEARNED = re.compile(r"\bML\b")


def recognises(file: Opened) -> bool:
    """Whether a file begins like VASP's output."""
    return bool(_FIRST_LINE.match(file.text))


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:
    """Yield the ionic steps that were computed from first principles."""
    with file.plain() as path, _without_learned_steps(path, notes) as clean:
        yield from read_with_ase(clean, "vasp-out")


@contextmanager
def _without_learned_steps(path: Path, notes: MutableMapping[str, None]) -> Iterator[Path]:
    """Give an OUTCAR without the predictions of an on-the-fly machine-learned force field."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        learned = sum("ML TOTEN" in line and "free  energy" in line for line in stream)
    if not learned:
        yield path
        return
    notes[
        f"skipped {learned} steps of a machine-learned force field in {path.name}: their energies "
        "and forces are not labels"
    ] = None
    with tempfile.TemporaryDirectory(prefix="mlip-hub-") as folder:
        clean = Path(folder) / "OUTCAR"
        with path.open(encoding="utf-8", errors="replace") as lines, clean.open("w") as stream:
            stream.writelines(_computed_lines(lines))
        yield clean


def _computed_lines(lines: Iterator[str]) -> Iterator[str]:
    """Yield all lines except tables and energies marked ML."""
    for line in lines:
        if not _LEARNED.search(line):
            yield line
        elif "TOTAL-FORCE" in line:
            next(lines, "")  # the rule above the table; another one ends it
            for row in lines:
                if row.lstrip().startswith("---"):
                    break
