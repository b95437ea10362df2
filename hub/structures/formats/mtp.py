"""Configurations of MLIP (moment tensor potentials), whose elements are numbered from 0.

Source: the manual of MLIP-3, https://gitlab.com/ashapeev/mlip-3; lengths are in Å, energies in eV
and forces in eV/Å.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError
from hub.structures.formats.elements import elements_beside, how_to_name_elements

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

NAME = "MTP configurations"
_POSITIONS = ("cartes_x", "cartes_y", "cartes_z")
_FORCES = ("fx", "fy", "fz")
_VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")


def recognises(file: Opened) -> bool:
    """Whether a file contains MLIP configurations."""
    return file.text.lstrip().startswith("BEGIN_CFG")


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Yield the configurations."""
    symbols = elements_beside(file.path)
    if not symbols:
        raise DataError(
            "contains MTP configurations, which number their elements but do not name them",
            how_to_name_elements(file.path),
        )
    block: list[str] = []
    with file.text_stream() as stream:
        for line in stream:
            if line.strip() == "BEGIN_CFG":
                block = []
            elif line.strip() == "END_CFG":
                yield _structure(block, symbols)
                block = []
            elif line.strip():
                block.append(line)
    if block:
        raise ValueError("the file ends in the middle of a configuration")


def _structure(lines: list[str], symbols: list[str]) -> Atoms:
    """Read one configuration: keywords, each followed by its values."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    starts = {line.split()[0].rstrip(":").lower(): place for place, line in enumerate(lines, 1)}
    size = int(lines[starts["size"]])
    first = starts["atomdata"]
    names = lines[first - 1].split()[1:]
    rows = np.array([line.split() for line in lines[first : first + size]], np.float64)
    table = dict(zip(names, rows.T, strict=True))
    types = table["type"].astype(np.int64)
    if types.max() >= len(symbols):
        raise DataError(
            f"has atoms of type {types.max()}, but only {len(symbols)} elements are named",
            "Complete the file of elements.",
        )
    atoms = Atoms([symbols[kind] for kind in types], _columns(table, _POSITIONS))
    cell = _vectors(lines[starts["supercell"] :]) if "supercell" in starts else []
    if cell:
        atoms.set_cell(np.concatenate([cell, np.zeros((3 - len(cell), 3))]))
        atoms.pbc = [place < len(cell) for place in range(3)]
    labels: dict[str, Any] = {}
    if "energy" in starts:
        labels["energy"] = float(lines[starts["energy"]])
    if _FORCES[0] in table:
        labels["forces"] = _columns(table, _FORCES)
    if "plusstress" in starts:
        place = starts["plusstress"]
        named = dict(zip(lines[place - 1].split()[1:], lines[place].split(), strict=True))
        # MLIP's PlusStress is -V times the stress, in eV: a virial.
        atoms.info["virial"] = np.array([float(named[name]) for name in _VOIGT])
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms


def _vectors(lines: list[str]) -> list[list[float]]:
    """Return the lattice vectors, one for each periodic direction."""
    vectors: list[list[float]] = []
    for line in lines[:3]:
        try:
            vector = [float(word) for word in line.split()]
        except ValueError:
            break
        vectors.append(vector)
    return vectors


def _columns(table: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    missing = [name for name in names if name not in table]
    if missing:
        raise DataError(
            f"has no column {', '.join(missing)}; found: {', '.join(table)}",
            "Write Cartesian coordinates: id type cartes_x cartes_y cartes_z fx fy fz",
        )
    return np.stack([table[name] for name in names], axis=1)
