"""Outputs that the package dpdata reads and ASE does not."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from hub.errors import DataError
from hub.structures.formats.convergence import mark_unconverged

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

# dpdata's name of a format by what such a file holds near its beginning, and what we call it.
_FORMATS = {
    re.compile(r"^\s*CP2K\| ", re.MULTILINE): ("cp2k/output", "output of CP2K"),
    re.compile(r"SIESTA", re.IGNORECASE): ("siesta/output", "output of SIESTA"),
    re.compile(r"\A\s*\d+\s+atoms,?\s*Iteration"): ("pwmat/movement", "MOVEMENT of PWmat"),
}


def recognises(file: Opened) -> bool:
    """Whether it is one of these formats."""
    return _kind(file) is not None


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:
    """Yield the structures of an output."""
    kind = _kind(file)
    if kind is None:
        return
    name, title = kind
    try:
        import dpdata
    except ImportError as failure:
        raise DataError(
            f"is the {title}; the package dpdata, which reads it, is not installed",
            'Install it: pip install "mlip-hub[formats]"',
        ) from failure
    # It prints and warns about what it passes over; what matters of it is said below.
    with file.plain() as path, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        system: Any = dpdata.LabeledSystem(str(path), fmt=name)
        frames = list(system.to("ase/structure"))
        if name == "cp2k/output":
            with path.open(encoding="utf-8", errors="replace") as lines:
                mark_unconverged(frames, lines, "cp2k-output")
    notes.update(dict.fromkeys(f"dpdata: {warning.message}" for warning in warned))
    if not frames:
        raise DataError(
            f"is the {title}, and holds no finished structure with energy and forces",
            "Did the calculation converge, and were forces asked for?",
        )
    yield from frames


def _kind(file: Opened) -> tuple[str, str] | None:
    beginning = file.text[:20_000]
    return next((kind for sign, kind in _FORMATS.items() if sign.search(beginning)), None)
