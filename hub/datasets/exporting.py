"""Write a dataset for other programs, some structures at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hub.datasets.extxyz import write_structure
from hub.datasets.loaded import VIRIAL
from hub.errors import DataError
from registry.errors import ExistsError
from registry.files import scratch_directory, settle, storage_errors
from registry.outputs import require_file, require_folder, settle_folder
from registry.removal import remove

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ase import Atoms

    from hub.datasets.loaded import LoadedStructures

Progress = Callable[[int, int | None], None]
# NequIP takes a dipole for one of each atom.
_NOT_IN_NEQUIP = ("dipole",)

# What `save_to_disk` writes.
_DATASETS_FILES = re.compile(r"dataset_info\.json|state\.json|data-\d+-of-\d+\.arrow")


def export_structures(
    pieces: Iterable[LoadedStructures],
    target: Path,
    to: str,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write structures with their labels and extras.

    Parameters
    ----------
    pieces
        The structures, as `Dataset.pieces` gives them.
    target
        What to write, whole or not at all.
    to
        ``extxyz``: a file that ASE reads. ``lmdb``: a file for NequIP's ``NequIPLMDBDataset``,
        without extras and dipoles. ``datasets``: a directory for Hugging Face's
        ``load_from_disk``. All numbers are in double precision.
    force
        Replace what exists: a file, or a directory that holds nothing but such an export.
    progress
        Told of the structures written.

    Raises
    ------
    ExistsError
        If the target exists.
    DataError
        If `to` is none of these.
    StorageError
        If something else is at the target, or the disk is full or cannot be written.
    """
    if to not in WRITERS:
        raise DataError(f"there is no format {to!r}", f"There are {', '.join(WRITERS)}.")
    if os.path.lexists(target) and not force:
        raise ExistsError(f"{target} exists already", "Replace it with --force, or name another.")
    _require_replaceable(target, to)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_directory(target.parent) as scratch, storage_errors(target):
        part = scratch / "part"
        WRITERS[to](_counted(pieces, progress), part)
        if part.is_dir():
            settle_folder(part, target, _DATASETS_FILES)
        else:
            _require_replaceable(target, to)
            settle(part, target, 0o666)


def _require_replaceable(target: Path, to: str) -> None:
    if to == "datasets":
        require_folder(target, _DATASETS_FILES)
    else:
        require_file(target)


def _counted(
    pieces: Iterable[LoadedStructures], progress: Progress | None
) -> Iterator[LoadedStructures]:
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        if progress:
            progress(done, None)


def _write_extxyz(pieces: Iterable[LoadedStructures], target: Path) -> None:
    with target.open("w", encoding="utf-8") as stream:
        for piece in pieces:
            for atoms in piece.to_ase():
                write_structure(stream, atoms)


def _write_datasets(pieces: Iterable[LoadedStructures], target: Path) -> None:
    """Write each piece as a table of its own, and let the library join them."""
    import datasets

    # The library's own bars stand in the way of ours.
    datasets.disable_progress_bars()
    parts = []
    for number, piece in enumerate(pieces):
        part = target.with_name(f"part-{number}")
        piece.to_datasets().save_to_disk(str(part))
        parts.append(part)
    tables = [datasets.load_from_disk(str(part)) for part in parts]
    datasets.concatenate_datasets(tables).save_to_disk(str(target))
    for part in parts:
        remove(part)


def _write_lmdb(pieces: Iterable[LoadedStructures], target: Path) -> None:
    import lmdb
    from nequip.data.dataset import NequIPLMDBDataset

    entries = (_nequip_entry(atoms) for piece in pieces for atoms in piece.to_ase())
    roomy = target.with_name("roomy.lmdb")
    NequIPLMDBDataset.save_from_iterator(str(roomy), entries)
    # NequIP's file is as long as it might ever become.
    with lmdb.open(str(roomy), subdir=False, readonly=True, lock=False) as database:
        database.copy(str(target), compact=True)


def _nequip_entry(atoms: Atoms) -> dict[str, Any]:
    """Return a structure as NequIP keeps it, with its labels alone, in double precision."""
    import torch
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from nequip.data import from_ase
    from nequip.utils import torch_default_dtype

    results = dict(atoms.calc.results) if atoms.calc else {}
    for name in _NOT_IN_NEQUIP:
        results.pop(name, None)
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    bare.calc = SinglePointCalculator(bare, **results)
    if VIRIAL in atoms.info:
        bare.info[VIRIAL] = atoms.info[VIRIAL]
    # NequIP keeps all numbers in torch's default precision.
    with torch_default_dtype(torch.float64):
        return dict(from_ase(bare, include_keys=[VIRIAL]))


WRITERS = {"extxyz": _write_extxyz, "datasets": _write_datasets, "lmdb": _write_lmdb}
