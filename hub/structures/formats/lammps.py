"""LAMMPS: dumps are read by ASE; data files and dumps without element names are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.structures.formats.ase_files import read_with_ase
from hub.structures.formats.elements import elements_beside, how_to_name_elements

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

NAME = "LAMMPS"
_COLUMNS = re.compile(r"^ITEM: ATOMS(.*)$", re.MULTILINE)
_DATA_FILE = re.compile(r"^\s*\d+\s+atom types\s*$", re.MULTILINE)


def recognises(file: Opened) -> bool:
    """Whether a file is a dump, or a data file."""
    return "ITEM: TIMESTEP" in file.text[:1000] or bool(_DATA_FILE.search(file.text[:4000]))


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Yield the structures of a dump, without the zero energy that ASE adds."""
    columns = _COLUMNS.search(file.text)
    if columns is None:
        raise DataError(
            "is a LAMMPS data file: it has no energies or forces, and its elements are numbers",
            "Write a dump instead: dump 1 all custom 1 out.lammpstrj id element x y z fx fy fz",
        )
    symbols = elements_beside(file.path)
    if "element" not in columns[1].split() and not symbols:
        raise DataError(
            "is a LAMMPS dump without the elements of its atoms (its columns are"
            f"{columns[1].rstrip()})",
            "Write it again with the column `element` (and `dump_modify 1 element C H ...`). Or: "
            + how_to_name_elements(file.path),
        )
    with file.plain() as path:
        for atoms in read_with_ase(path, "lammps-dump-text"):
            if "element" not in columns[1].split():
                _name_elements(atoms, symbols)
            if atoms.calc is not None:
                atoms.calc.results.pop("energy", None)
            yield atoms


def _name_elements(atoms: Atoms, symbols: list[str]) -> None:
    """Set the elements by atom type, which ASE reads as atomic numbers."""
    if atoms.numbers.max() > len(symbols):
        raise DataError(
            f"has atoms of type {atoms.numbers.max()}, but only {len(symbols)} elements are named",
            "Complete the file of elements.",
        )
    atoms.symbols = [symbols[kind - 1] for kind in atoms.numbers]
