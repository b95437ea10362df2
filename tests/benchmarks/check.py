"""Compare the time that `hub check` takes in this checkout and in another, run in turns.

    python -m tests.benchmarks check OTHER [--structures 100000] [--turns 3]

Writes random distortions of small crystals, slabs and clusters of 8 to 20 atoms to an extended XYZ
file, with energies, forces, stresses and configuration types. Both checkouts check it, and must
print the same. Prints the median CPU seconds of whole processes, and their ratio.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.two_checkouts import HERE, cpu_seconds, output

if TYPE_CHECKING:
    from typing import TextIO

GRIDS = [(2, 2, 2), (3, 2, 2), (4, 2, 2), (3, 3, 2), (5, 2, 2), (3, 3, 1)]
SPACING = 2.3  # Å
ENERGIES = {"C": -9.1, "Si": -5.4, "O": -7.0}
KINDS = {"crystal": "T T T", "slab": "T T F", "cluster": "F F F"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--structures", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "structures.extxyz"
        with path.open("w", encoding="utf-8") as file:
            write_structures(file, given.structures)
        checkouts = (given.other.resolve(), HERE)
        first, second = (output(each, "check", path) for each in checkouts)
        if first != second:
            sys.exit(f"they print different things:\n{first}\n{second}")
        times: dict[Path, list[float]] = {each: [] for each in checkouts}
        for _ in range(given.turns):
            for checkout, found in times.items():
                found.append(cpu_seconds(checkout, "check", path))
    other, here = (median(found) for found in times.values())
    print(
        f"hub check of {given.structures} structures: {other:.2f} s of CPU time there, "
        f"{here:.2f} s here: {here / other:.2f} (aim: at most 0.5)"
    )


def write_structures(file: TextIO, count: int) -> None:
    """Write random structures in extended XYZ; every hundredth is there twice."""
    rng = np.random.default_rng(0)
    for number in range(count):
        if number % 100 != 1:
            text = random_structure(rng)
        file.write(text)


def random_structure(rng: np.random.Generator) -> str:
    """Return a random structure as the text of a frame."""
    grid = np.array(GRIDS[rng.integers(len(GRIDS))])
    kind = str(rng.choice(list(KINDS), p=[0.7, 0.15, 0.15]))
    size = SPACING * rng.uniform(0.9, 1.2)
    places = np.indices(grid).reshape(3, -1).T * size
    positions = places + rng.normal(scale=0.12, size=places.shape)
    vacuum = np.array([0.0, 0.0, 12.0 if kind == "slab" else 0.0])
    cell = np.diag(grid * size + vacuum) + rng.normal(scale=0.05, size=(3, 3))
    symbols = rng.choice(list(ENERGIES), size=len(positions))
    forces = rng.normal(scale=1.0, size=positions.shape)
    forces -= forces.mean(axis=0)
    energy = sum(ENERGIES[symbol] for symbol in symbols) + rng.normal(scale=0.1 * len(symbols))
    header = f"config_type={kind} energy={energy:.8f} "
    if kind != "cluster":
        header = f'Lattice="{" ".join(f"{x:.8f}" for x in cell.ravel())}" {header}'
    if kind == "crystal":
        stress = rng.normal(scale=0.02, size=6)[[0, 5, 4, 5, 1, 3, 4, 3, 2]]
        header += f'stress="{" ".join(f"{x:.8f}" for x in stress)}" '
    header += f'Properties=species:S:1:pos:R:3:forces:R:3 pbc="{KINDS[kind]}"'
    lines = [f"{len(positions)}", header]
    for symbol, row in zip(symbols, np.hstack([positions, forces]).tolist(), strict=True):
        lines.append(f"{symbol:2} " + " ".join(f"{x:15.8f}" for x in row))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
