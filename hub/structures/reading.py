"""Reading DFT files into one structure set, using little more memory than the set itself."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.structures.collector import Collector
from hub.structures.files import expand_patterns, iterate_file, shown_name
from hub.structures.formats import vasp
from hub.structures.formats.opened import Opened
from hub.structures.stress_labels import StressReading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ase import Atoms

    from hub.structures.collector import ReadResult

_PROGRESS_EVERY = 100


def read_structures(
    files_or_globs: str | Path | Iterable[str | Path],
    energy_key: str | None = None,
    forces_key: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    *,
    require_labels: bool = True,
    limit: int | None = None,
    stress: StressReading | None = None,
) -> ReadResult:
    """Read structures and their labels from files of any supported format.

    Parameters
    ----------
    files_or_globs
        File names and glob patterns, or one of them.
    energy_key, forces_key
        Entries to use as total energies (eV) and forces (eV/Å); chosen by the rules of
        `hub.structures.keys` if not given.
    progress
        Called with the number of structures read so far and the total, None while unknown.
    require_labels
        Whether to refuse files without energies or without forces.
    limit
        Maximum number of structures to read.
    stress
        Key and convention of the stresses; found by their names if not given.

    Raises
    ------
    DataError
        If a file is missing, broken or empty, or the labels are missing or ambiguous.
    """
    paths = expand_patterns(files_or_globs)
    if stress and stress.convention != StressReading().convention:
        _require_open_convention(paths)
    notes: dict[str, None] = {}
    frames = (
        (atoms, source, frame)
        for source, path in enumerate(paths)
        for frame, atoms in enumerate(iterate_file(path, notes))
    )
    collector = Collector(energy_key, forces_key, stress)
    for atoms, source, frame in islice(frames, limit):
        collector.add(atoms, source, frame)
        if progress and collector.n_structures % _PROGRESS_EVERY == 0:
            progress(collector.n_structures, None)
    if progress:
        progress(collector.n_structures, collector.n_structures)
    names = tuple(shown_name(path) for path in paths)
    return collector.finish(names, tuple(notes), require_labels=require_labels)


def _require_open_convention(paths: Iterable[Path]) -> None:
    """Refuse a stress convention for VASP's own output, which is already converted by ASE."""
    for path in paths:
        if not path.is_dir() and vasp.recognises(Opened(path)):
            raise DataError(
                f"{shown_name(path)} is VASP output, whose stresses are converted automatically",
                "Omit --stress-convention, or read these files separately from the others.",
            )


def gather_structures(
    frames: Iterable[Atoms],
    source: str,
    energy_key: str | None = None,
    forces_key: str | None = None,
) -> ReadResult:
    """Make a set of ASE structures, with labels chosen as in `read_structures`.

    Raises
    ------
    DataError
        If the labels are ambiguous.
    """
    collector = Collector(energy_key, forces_key)
    for frame, atoms in enumerate(frames):
        collector.add(atoms, 0, frame)
    return collector.finish((source,), (), require_labels=False)
