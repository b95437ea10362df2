"""DeePMD-kit's directories: ``type.raw``, ``type_map.raw`` and ``set.*/coord.npy``.

Source: https://docs.deepmodeling.com/projects/deepmd/en/stable/data/system.html; lengths are in Å,
energies in eV, forces in eV/Å, and virials, -V times the stress, in eV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

    from ase import Atoms

NAME = "DeePMD-kit directory"


def systems(directory: Path) -> list[Path]:
    """Return the systems in a directory, which may itself be one, in sorted order."""
    return sorted(path.parent for path in directory.rglob("type.raw"))


def read_directory(directory: Path, notes: MutableMapping[str, None]) -> Iterator[Atoms]:
    """Yield the structures of one system, set after set."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    symbols = _symbols(directory)
    sets = sorted(path.parent for path in directory.glob("set.*/coord.npy"))
    if not sets:
        raise DataError(
            "has a type.raw but no set.*/coord.npy",
            "Convert its raw files with DeePMD-kit's raw_to_set.sh, or with dpdata.",
        )
    periodic = not (directory / "nopbc").exists()
    for folder in sets:
        arrays = {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("*.npy")}
        positions = arrays["coord"].reshape(len(arrays["coord"]), -1, 3)
        types = arrays.get("real_atom_types")  # of the mixed format
        if periodic and "box" not in arrays:
            raise DataError(
                f"has neither {folder.name}/box.npy nor a file nopbc (no cell)",
                "Add one of the two.",
            )
        for index, places in enumerate(positions):
            own = symbols(None if types is None else types[index])
            atoms = Atoms(own[0], places[own[1]])
            if periodic:
                atoms.set_cell(arrays["box"][index].reshape(3, 3))
                atoms.pbc = True
            labels: dict[str, Any] = {}
            if "energy" in arrays:
                labels["energy"] = float(arrays["energy"].reshape(-1)[index])
            if "force" in arrays:
                labels["forces"] = arrays["force"][index].reshape(-1, 3)[own[1]]
            if "virial" in arrays:
                atoms.info["virial"] = arrays["virial"][index].reshape(3, 3)
            atoms.calc = SinglePointCalculator(atoms, **labels)
            yield atoms
    unread = [name for name in ("atom_ener", "dipole") if (sets[0] / f"{name}.npy").exists()]
    if unread:
        notes[f"not read from {directory}: {', '.join(unread)}"] = None


def _symbols(directory: Path) -> Any:
    """Return a function giving the symbols of a frame's atoms, and which of them are real."""
    names = directory / "type_map.raw"
    if not names.exists():
        raise DataError(
            "has no type_map.raw, which gives the elements of the types in type.raw",
            "Write one: the chemical symbols of types 0, 1, ..., separated by spaces.",
        )
    known = np.array(names.read_text(encoding="utf-8").split())
    shared = np.array((directory / "type.raw").read_text(encoding="utf-8").split(), np.int64)

    def of(types: np.ndarray | None) -> tuple[list[str], np.ndarray]:
        own = shared if types is None else types.astype(np.int64)
        real = own >= 0
        if (own[real] >= len(known)).any():
            raise DataError(
                f"has atoms of type {own.max()}, but only {len(known)} elements in type_map.raw",
                "Complete type_map.raw.",
            )
        return known[own[real]].tolist(), real

    return of
