"""CP2K's trajectories: ``NAME-pos-1.xyz`` with ``NAME-frc-1.xyz`` and the cell beside it.

Positions are in Å, energies in Hartree and forces in Hartree/Bohr, CP2K's units for these files.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError
from hub.structures.formats.opened import Opened
from hub.structures.units import unit_factor

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

    from ase import Atoms

NAME = "CP2K trajectory"
_COMMENT = re.compile(r"^\s*i\s*=\s*(\d+)\s*,.*?\bE\s*=\s*(\S+)", re.MULTILINE)
_FILE = re.compile(r"^(?P<project>.+)-(?P<kind>pos|frc|vel)-(?P<run>\d+)\.xyz$")
_CELL_BLOCK = re.compile(r"^\s*&CELL\b(.*?)^\s*&END\b", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d[\d.]*(?:[eEdD][-+]?\d+)?")


def recognises(file: Opened) -> bool:
    """Whether the second line is CP2K's comment, with step and energy."""
    lines = file.text.splitlines()[:2]
    return len(lines) == 2 and lines[0].strip().isdigit() and bool(_COMMENT.match(lines[1]))


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:
    """Yield the steps of a trajectory with their forces, matched by step number.

    Raises
    ------
    DataError
        If the file does not contain positions, its cell is unknown, or the steps do not match.
    """
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    named = _FILE.match(file.name)
    if named and named["kind"] != "pos":
        what = {"frc": "forces", "vel": "velocities"}[named["kind"]]
        raise DataError(
            f"contains the {what} of a CP2K trajectory",
            f"Name only the file of positions, {named['project']}-pos-{named['run']}.xyz: the "
            "forces are read from the file beside it.",
        )
    cells, periodic = _cells(file.path, named, notes)
    forces_path = file.path.with_name(
        f"{named['project']}-frc-{named['run']}.xyz" if named else "forces.xyz"
    )
    forces = _frames(Opened(forces_path)) if forces_path.exists() else None
    if forces is None:
        notes[f"{forces_path.name} not found beside {file.path.name}: no forces"] = None
    hartree, per_bohr = unit_factor("energy", "hartree"), unit_factor("forces", "hartree/bohr")
    for step, energy, symbols, positions in _frames(file):
        atoms = Atoms(symbols, positions, pbc=periodic)
        atoms.set_cell(cells.get(step, cells.get(-1)))
        labels: dict[str, Any] = {"energy": energy * (hartree or 0)}
        if forces is not None:
            labels["forces"] = _forces_of(step, forces, forces_path) * (per_bohr or 0)
        atoms.calc = SinglePointCalculator(atoms, **labels)
        yield atoms


def _forces_of(
    step: int, forces: Iterator[tuple[int, float, list[str], np.ndarray]], path: Path
) -> np.ndarray:
    """Return the forces of a step, skipping additional steps of the forces file."""
    for other, _, _, values in forces:
        if other == step:
            return values
        if other > step:
            break
    raise DataError(
        f"has step {step}, which is missing in {path.name}",
        "Were positions and forces written at the same steps?",
    )


def _frames(file: Opened) -> Iterator[tuple[int, float, list[str], np.ndarray]]:
    """Yield step, energy, symbols and the three columns of each frame."""
    with file.text_stream() as stream:
        for header in stream:
            n_atoms = int(header)
            comment = _COMMENT.match(next(stream, ""))
            rows = [line.split() for line in islice(stream, n_atoms)]
            if comment is None or len(rows) < n_atoms:
                raise ValueError("the file is cut off")
            values = np.array([row[1:4] for row in rows], np.float64)
            symbols = [re.sub(r"[\d_].*", "", row[0]).capitalize() for row in rows]
            yield int(comment[1]), float(comment[2]), symbols, values


def _cells(
    path: Path, named: re.Match[str] | None, notes: MutableMapping[str, None]
) -> tuple[dict[int, np.ndarray], object]:
    """Return the cells by step, or the only one as step -1, and the periodic directions."""
    project, run = (named["project"], named["run"]) if named else (path.stem, "1")
    trajectory = path.with_name(f"{project}-{run}.cell")
    inputs = [path.with_name(f"{project}-{run}.restart"), *sorted(path.parent.glob("*.inp"))]
    inputs = [each for each in inputs if each.exists()]
    text = inputs[0].read_text(encoding="utf-8", errors="replace") if inputs else ""
    block = _CELL_BLOCK.search(text)
    periodic = _periodicity(block[1]) if block else [True] * 3
    if trajectory.exists():
        rows = np.loadtxt(trajectory, ndmin=2)
        return {int(row[0]): row[2:11].reshape(3, 3) for row in rows}, periodic
    cell = _cell_of(block[1]) if block else None
    if cell is None:
        raise DataError(
            f"is a CP2K trajectory without a cell: neither {trajectory.name} nor an input beside "
            "it contains one",
            f"Copy {trajectory.name}, {project}-{run}.restart or the input (.inp) beside it.",
        )
    notes[f"the cell of {path.name} is taken from {inputs[0].name}"] = None
    return {-1: cell}, periodic


def _periodicity(block: str) -> list[bool]:
    stated = re.search(r"^\s*PERIODIC\s+(\S+)", block, re.MULTILINE | re.IGNORECASE)
    directions = stated[1].upper() if stated else "XYZ"
    return [axis in directions for axis in "XYZ"] if directions != "NONE" else [False] * 3


def _cell_of(block: str) -> np.ndarray | None:
    """Read the vectors A, B and C, or ABC, of a &CELL block in Å."""
    lines = {line.split()[0].upper(): line for line in block.splitlines() if line.strip()}
    vectors = [_NUMBER.findall(re.sub(r"\[.*?\]", "", lines.get(name, ""))) for name in "ABC"]
    if all(len(vector) == 3 for vector in vectors):
        return np.array(vectors, np.float64)
    lengths = _NUMBER.findall(lines.get("ABC", ""))
    angles = _NUMBER.findall(lines.get("ALPHA_BETA_GAMMA", "90 90 90"))
    if len(lengths) != 3 or "[" in block.replace("[angstrom]", ""):
        return None
    from ase.geometry import cellpar_to_cell

    cell: np.ndarray = cellpar_to_cell([*map(float, lengths), *map(float, angles)])
    return cell
