"""Export a dataset for other programs, some structures at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hub.datasets.loaded import VIRIAL
from hub.datasets.names import PROPERTIES
from hub.errors import DataError
from registry.errors import ExistsError
from registry.files import scratch_directory, settle, storage_errors
from registry.outputs import require_file, require_folder, settle_folder
from registry.removal import remove

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy.typing as npt
    from ase import Atoms

    from hub.datasets.loaded import LoadedStructures

Progress = Callable[[int, int | None], None]
# NequIP interprets a dipole as one per atom.
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
        The structures, as from `Dataset.pieces`.
    target
        The file or directory to write atomically.
    to
        ``extxyz``: a file that ASE reads. ``lmdb``: a file for NequIP's ``NequIPLMDBDataset``,
        without extras and dipoles. ``datasets``: a directory for Hugging Face's
        ``load_from_disk``. All numbers are in double precision.
    force
        Replace an existing file, or a directory that contains nothing but such an export.
    progress
        Called with the number of structures written.

    Raises
    ------
    ExistsError
        If the target exists.
    DataError
        If `to` is none of these.
    StorageError
        If the target is something else, or the disk is full or cannot be written.
    """
    if to not in WRITERS:
        raise DataError(f"unknown format {to!r}", f"Supported formats: {', '.join(WRITERS)}.")
    if os.path.lexists(target) and not force:
        raise ExistsError(
            f"{target} already exists", "Overwrite it with --force, or choose another name."
        )
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
                _write_structure(stream, atoms)


def _write_datasets(pieces: Iterable[LoadedStructures], target: Path) -> None:
    """Write each piece as a separate table, and let the library join them."""
    import datasets

    # The library's progress bars would interfere with ours.
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
    # NequIP's file has its maximum size.
    with lmdb.open(str(roomy), subdir=False, readonly=True, lock=False) as database:
        database.copy(str(target), compact=True)


def _nequip_entry(atoms: Atoms) -> dict[str, Any]:
    """Return a structure in NequIP's form, with only its labels, in double precision."""
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
    # NequIP stores all numbers in torch's default precision.
    with torch_default_dtype(torch.float64):
        return dict(from_ase(bare, include_keys=[VIRIAL]))


def _write_structure(stream: IO[str], atoms: Atoms) -> None:
    """Write one structure with the results of its calculator, so that ASE reads back the same.

    ASE's own writer rounds forces to eight decimals.

    Parameters
    ----------
    stream
        A text stream.
    atoms
        As returned by `LoadedStructures.to_atoms`.
    """
    from ase.io.extxyz import key_val_dict_to_str
    from ase.stress import voigt_6_to_full_3x3_stress

    results = dict(atoms.calc.results) if atoms.calc else {}
    of_atoms = {name for name, each in PROPERTIES.items() if each.per_atom} | {"forces"}
    if "stress" in results:
        results["stress"] = voigt_6_to_full_3x3_stress(results["stress"])
    columns = {"pos": atoms.positions}
    columns |= {name: values for name, values in results.items() if name in of_atoms}
    columns |= {n: v for n, v in atoms.arrays.items() if n not in {"numbers", "positions"}}
    flat = {name: np.reshape(values, (len(atoms), -1)) for name, values in columns.items()}
    layout = ":".join(["species:S:1", *(f"{n}:R:{v.shape[1]}" for n, v in flat.items())])
    info = {name: _one_line(value) for name, value in atoms.info.items()}
    info |= {name: value for name, value in results.items() if name not in of_atoms}
    # Fortran's order of the transposed cell: one lattice vector after the other.
    lattice = {"Lattice": atoms.cell.array.reshape(-1)} if atoms.cell.array.any() else {}
    header = {**lattice, "Properties": layout, **info, "pbc": atoms.pbc}
    stream.write(f"{len(atoms)}\n{key_val_dict_to_str(header)}\n")
    numbers: npt.NDArray[np.float64] = np.concatenate(list(flat.values()), axis=1)
    for symbol, row in zip(atoms.symbols, numbers.tolist(), strict=True):
        stream.write(f"{symbol} {' '.join(map(repr, row))}\n")


def _one_line(value: Any) -> Any:
    """Return text in a form that stays on one line and is read back unchanged."""
    if isinstance(value, str):
        return " ".join(value.splitlines()).replace("\\", "\\\\")
    return value


WRITERS = {"extxyz": _write_extxyz, "datasets": _write_datasets, "lmdb": _write_lmdb}
