"""NumPy archives of named arrays: rMD17, sGDML and similar.

Arrays are identified by their names. Energies and forces are assumed to be in eV and eV/Å unless
the archive declares other units, as sGDML does with ``e_unit``; rMD17 is in kcal/mol according to
its authors.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError
from hub.structures.units import unit_factor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

NAME = "NumPy archive"
_ROLES = {
    "numbers": ("nuclear_charges", "z", "numbers", "atomic_numbers", "species", "charges"),
    "positions": ("coords", "r", "positions", "coordinates", "coord", "pos", "xyz"),
    "energy": ("energies", "e", "energy", "total_energy", "total_energies"),
    "forces": ("forces", "f", "force", "dft_forces"),
    "cell": ("cell", "cells", "lattice", "box", "lattices"),
    "pbc": ("pbc",),
}
_KCAL = "kcal/mol"


def recognises(file: Opened) -> bool:
    """Whether a file is a zip archive of arrays."""
    return file.head.startswith(b"PK\x03\x04")


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:
    """Yield a structure for each row of the array of positions."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    with file.plain() as path:
        arrays = _arrays(path)
    found = {role: _find(arrays, names) for role, names in _ROLES.items()}
    if not found["numbers"] or not found["positions"]:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise DataError(
            f"is a NumPy archive without arrays of elements and positions; found: {shapes}",
            "Name them numbers (N,) and positions (S, N, 3), with energies (S,) and forces "
            "(S, N, 3). For labels of other structures: hub import --reader npz-labels",
        )
    positions = _rows(arrays[found["positions"]], 3)
    count, n_atoms = positions.shape[:2]
    columns = {
        role: arrays[found[role]] for role in ("energy", "forces", "cell", "pbc") if found[role]
    }
    numbers = _numbers(arrays[found["numbers"]], (count, n_atoms))
    energy_factor, force_factor = _factors(arrays, notes)
    for index in range(count):
        own = numbers[index] if numbers.ndim == 2 else numbers
        real = own > 0  # smaller molecules are padded with zeros
        atoms = Atoms(own[real], positions[index][real])
        if "cell" in columns:
            cells = columns["cell"]
            atoms.set_cell(cells if cells.shape in {(3,), (3, 3)} else cells[index])
            atoms.pbc = True
        if "pbc" in columns:
            pbc = columns["pbc"]
            atoms.pbc = pbc[index] if pbc.ndim == 2 else pbc
        labels: dict[str, Any] = {}
        if "energy" in columns:
            labels["energy"] = float(columns["energy"].reshape(count, -1)[index, 0]) * energy_factor
        if "forces" in columns:
            labels["forces"] = _rows(columns["forces"], 3)[index][real] * force_factor
        atoms.calc = SinglePointCalculator(atoms, **labels)
        yield atoms


def _arrays(path: Any) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ValueError as failure:
        raise DataError(
            f"is a NumPy archive that contains Python objects or is corrupted ({failure})",
            "Archives of objects can run arbitrary code when opened. Save plain arrays with "
            "numpy.savez, or write extxyz.",
        ) from failure
    except zipfile.BadZipFile as failure:
        raise DataError(f"is a corrupted NumPy archive ({failure})", "Get it again.") from failure


def _find(arrays: Mapping[str, np.ndarray], names: tuple[str, ...]) -> str:
    """Return the name of the array with a role; empty if there is none."""
    spelt = {name.lower(): name for name in arrays}
    return next((spelt[name] for name in names if name in spelt), "")


def _rows(values: np.ndarray, width: int) -> np.ndarray:
    """Return (S, N, 3), also for a single structure."""
    rows = values[None] if values.ndim == 2 and values.shape[-1] == width else values
    if rows.ndim != 3 or rows.shape[-1] != width:
        raise DataError(
            f"has an array of shape {values.shape}, expected (structures, atoms, 3)",
            "Write the structures as extxyz with ase.io.write.",
        )
    return rows


def _numbers(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return atomic numbers, also from symbols."""
    if values.dtype.kind in "US":
        from ase.data import atomic_numbers

        values = np.vectorize(lambda symbol: atomic_numbers[str(symbol)])(values.astype(str))
    if values.shape not in {shape, shape[1:]} or not np.array_equal(values, np.rint(values)):
        raise DataError(
            f"has an array of elements of shape {values.shape}, but positions of {shape[0]} "
            f"structures with {shape[1]} atoms",
            "Give atomic numbers as (N,), or as (S, N) if structures differ.",
        )
    return values.astype(np.int64)


def _factors(
    arrays: Mapping[str, np.ndarray], notes: MutableMapping[str, None]
) -> tuple[float, float]:
    """Return the factors for energies and forces."""
    declared = {name.lower(): str(value) for name, value in arrays.items() if value.ndim == 0}
    if {"old_indices", "nuclear_charges"} <= {name.lower() for name in arrays}:
        unit, length, who = _KCAL, "angstrom", "rMD17 is"
    elif "e_unit" in declared:
        unit, length = declared["e_unit"], declared.get("r_unit", "Ang")
        who = "the archive says"
    else:
        notes["the archive does not declare its units: eV and eV/Å assumed"] = None
        return 1.0, 1.0
    energy, forces = unit_factor("energy", unit), unit_factor("forces", f"{unit}/{length}")
    if energy is None or forces is None or length.lower() not in {"ang", "angstrom", "a"}:
        raise DataError(
            f"is in {unit} and {length}, which cannot be converted", "Convert it to eV and Å."
        )
    notes[f"energies and forces converted to eV and eV/Å: {who} in {unit} and Å"] = None
    return energy, forces
