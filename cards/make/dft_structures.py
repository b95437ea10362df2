"""Make the structures of the example DFT datasets of carbon and silicon.

Usage: ``python cards/make/dft_structures.py FOLDER`` writes FOLDER/carbon.extxyz and
FOLDER/silicon.extxyz, for ``dft_label.py`` to label. Needs numpy and ASE >= 3.25 (its Tersoff).

Crystals are rattled by normally distributed displacements and strained at random. Disordered cells
start from random positions and run hot for 0.4 ps in the potential of Tersoff; most are relaxed
with it for a while after. Every structure draws from a generator of its own. Molecular dynamics is
chaotic: a processor that rounds differently gives other disordered cells of the same kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.tersoff import Tersoff, TersoffParameters
from ase.io import write
from ase.md.langevin import Langevin
from ase.neighborlist import neighbor_list
from ase.optimize import FIRE

Range = tuple[float, float]
# Makes a structure from its rank, the part of each range that it is at, and a random generator.
Maker = Callable[[float, np.random.Generator], Atoms]

GOLDEN = (5**0.5 - 1) / 2
GRAPHENE = 2.466  # Å, lattice constant in PBE

# J. Tersoff, Phys. Rev. B 39, 5566 (1989), with the erratum 41, 3248 (1990), in LAMMPS' order:
# m, gamma, lambda3, c, d, h, n, beta, lambda2, B, R, D, lambda1, A.
# fmt: off
TERSOFF = {
    "C": [3, 1, 0, 38049, 4.3484, -0.57058, 0.72751,
          1.5724e-7, 2.2119, 346.7, 1.95, 0.15, 3.4879, 1393.6],
    "Si": [3, 1, 0, 100390, 16.217, -0.59825, 0.78734,
           1.1e-6, 1.73222, 471.18, 2.85, 0.15, 2.4799, 1830.8],
}
# fmt: on
MELT = {"C": 8000.0, "Si": 3000.0}  # K
CLOSEST = {"C": 1.15, "Si": 1.95}  # Å, between atoms of a crystal or of a random start


class SteadyTersoff(Tersoff):
    """The Tersoff of ASE, which divides by zero at a bond that no third atom is near (3.29)."""

    def _calc_bij_d(self, zeta: float, beta: float, n: float) -> float:
        return super()._calc_bij_d(zeta, beta, n) if zeta > 0 else 0.0


def stack(sites: str, heights: list[float], length: float, period: float) -> Atoms:
    """Return hexagonal nets of carbon in a rectangular cell, two atoms for each net.

    Parameters
    ----------
    sites, heights
        Which of the three sites A, B, C of a close packing each net is on, and its height (Å).
    length, period
        Lattice constant in the plane, and height of the cell (Å).
    """
    cell = np.array([length * 3**0.5, length, period])
    positions = [
        [("ABC".index(site) / 3 + half) % 1 * cell[0], half * cell[1], height]
        for site, height in zip(sites, heights, strict=True)
        for half in (0, 0.5)
    ]
    return Atoms("C" * len(positions), positions=positions, cell=cell, pbc=True)


def diamond(symbol: str, length: float) -> Atoms:
    """Return the cubic cell of diamond, 8 atoms."""
    return bulk(symbol, "diamond", a=length, cubic=True)


def lonsdaleite() -> Atoms:
    """Return hexagonal diamond, 8 atoms."""
    bond = 1.545
    pucker = bond / 3
    heights = [0, pucker, pucker + bond, 2 * pucker + bond]
    return stack("ABBA", heights, 2.51, 2 * (pucker + bond))


def graphite(apart: float = 3.4) -> Atoms:
    """Return AB-stacked graphite, 8 atoms, its layers so far apart (Å)."""
    return stack("ABBC", [0, 0, apart, apart], GRAPHENE, 2 * apart)


def sheet() -> Atoms:
    """Return graphene, 8 atoms, with 10 Å of vacuum."""
    atoms = stack("AB", [5.0, 5.0], GRAPHENE, 10.0).repeat((1, 2, 1))
    atoms.pbc = [True, True, False]
    return atoms


def chain(count: int) -> Atoms:
    """Return a straight chain, 1.28 Å between atoms and 8 Å between chains."""
    positions = [[4.0, 4.0, 1.28 * i] for i in range(count)]
    return Atoms(["C"] * count, positions, cell=[8, 8, 1.28 * count], pbc=[False, False, True])


def beta_tin() -> Atoms:
    """Return silicon in the structure of white tin, 8 atoms."""
    length, height = 4.81, 2.65
    sites = np.array([[0, 0, 0], [0, 0.5, 0.25], [0.5, 0.5, 0.5], [0.5, 0, 0.75]])
    cell = [length, length, height]
    return Atoms("Si4", scaled_positions=sites, cell=cell, pbc=True).repeat((1, 1, 2))


def distorted(perfect: Callable[[], Atoms], rattles: Range, strains: Range) -> Maker:
    """Return a maker of rattled crystals (standard deviations in Å), linearly strained.

    Those with atoms that nearly meet are drawn again: a few would have most of the forces.
    """

    def draw(width: float, random: np.random.Generator) -> Atoms:
        atoms = perfect()
        atoms.positions += random.normal(scale=width, size=atoms.positions.shape)
        shear = random.normal(scale=0.02, size=(3, 3))
        strain = random.uniform(*strains) * np.eye(3) + (shear + shear.T) / 2
        strain[~atoms.pbc] = strain[:, ~atoms.pbc] = 0  # vacuum stays as it is
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        return atoms

    def make(rank: float, random: np.random.Generator) -> Atoms:
        width = rattles[0] + rank * (rattles[1] - rattles[0])
        atoms = draw(width, random)
        while len(neighbor_list("i", atoms, CLOSEST[str(atoms.symbols[0])])):
            atoms = draw(width, random)
        return atoms

    return make


def vacancy(perfect: Maker) -> Maker:
    """Return a maker of the same structures less one atom."""

    def make(rank: float, random: np.random.Generator) -> Atoms:
        atoms = perfect(rank, random)
        del atoms[int(random.integers(len(atoms)))]
        return atoms

    return make


def spread_graphite(rank: float, random: np.random.Generator) -> Atoms:
    """Return distorted graphite, layers 2.9 to 4.3 Å apart; one in two shifted sideways."""
    atoms = distorted(partial(graphite, random.uniform(2.9, 4.3)), (0.02, 0.14), (-0.03, 0.04))(
        rank, random
    )
    if random.random() < 0.5:
        atoms.positions[4:, :2] += random.uniform(-0.7, 0.7, size=2)
    return atoms


def random_packing(symbol: str, count: int, density: float, random: np.random.Generator) -> Atoms:
    """Return atoms at random places of a cubic cell of this density (g/cm³), none too close."""
    mass = count * Atoms(symbol).get_masses()[0] / units.kg * 1e3  # g
    length = (mass / density) ** (1 / 3) * 1e8  # Å
    atoms = Atoms(symbol, [random.uniform(0, length, size=3)], cell=[length] * 3, pbc=True)
    closest = CLOSEST[symbol]
    while len(atoms) < count:
        atoms += Atoms(symbol, [random.uniform(0, length, size=3)])
        others = np.arange(len(atoms) - 1)
        if np.any(atoms.get_distances(-1, others, mic=True) < closest):
            del atoms[-1]
            closest *= 0.999  # or a cell that is full would refuse atoms forever
    return atoms


def disordered(symbol: str, counts: tuple[int, ...], densities: Range) -> Maker:
    """Return a maker of disordered cells of so many atoms, with densities in g/cm³."""
    parameters = TersoffParameters.from_list(TERSOFF[symbol])

    def make(rank: float, random: np.random.Generator) -> Atoms:
        density = densities[0] + rank * (densities[1] - densities[0])
        atoms = random_packing(symbol, int(random.choice(counts)), density, random)
        atoms.calc = SteadyTersoff({(symbol,) * 3: parameters})
        FIRE(atoms, logfile=None).run(fmax=5.0, steps=50)
        Langevin(
            atoms,
            timestep=1.0 * units.fs,
            temperature_K=MELT[symbol],
            friction=0.05 / units.fs,
            rng=random,
            fixcm=False,
        ).run(400)
        FIRE(atoms, logfile=None).run(fmax=0.5, steps=int(random.choice([0, 15, 60])))
        atoms.wrap()
        return Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)

    return make


def isolated(symbol: str) -> Maker:
    """Return a maker of one atom in an empty box without symmetry."""
    atom = Atoms(symbol, [[4.5, 5.0, 5.5]], cell=[9, 10, 11], pbc=False)
    return lambda _rank, _random: atom.copy()


# How many of which kind; carbon bonds go from 1.28 Å in chains to 1.55 Å in diamond.
KINDS: dict[str, dict[str, tuple[int, Maker]]] = {
    "carbon": {
        "isolated_atom": (1, isolated("C")),
        "diamond": (24, distorted(partial(diamond, "C", 3.573), (0.02, 0.18), (-0.06, 0.08))),
        "lonsdaleite": (6, distorted(lonsdaleite, (0.02, 0.15), (-0.05, 0.07))),
        "graphite": (16, spread_graphite),
        "graphene": (12, distorted(sheet, (0.02, 0.15), (-0.05, 0.07))),
        "chain": (6, distorted(partial(chain, 6), (0.02, 0.09), (-0.06, 0.08))),
        "disordered": (36, disordered("C", (8, 10, 12), (1.6, 3.5))),
    },
    "silicon": {
        "isolated_atom": (1, isolated("Si")),
        "diamond": (18, distorted(partial(diamond, "Si", 5.47), (0.03, 0.2), (-0.06, 0.08))),
        "vacancy": (
            6,
            vacancy(distorted(partial(diamond, "Si", 5.47), (0.03, 0.17), (-0.03, 0.05))),
        ),
        "beta_tin": (6, distorted(beta_tin, (0.03, 0.17), (-0.04, 0.06))),
        "disordered": (19, disordered("Si", (8,), (2.1, 2.8))),
    },
}


def structures(element: str) -> list[Atoms]:
    """Return the structures of one dataset, kinds mixed so that any first part is balanced."""
    placed: list[tuple[float, Atoms]] = []
    for kind, (count, make) in KINDS[element].items():
        for index in range(count):
            random = np.random.default_rng([crc32(f"{element} {kind}".encode()), index])
            atoms = make((index + 1) * GOLDEN % 1, random)
            atoms.info["config_type"] = kind
            placed.append(((index + 0.5) / count if count > 1 else 0.0, atoms))
    return [atoms for _, atoms in sorted(placed, key=lambda each: each[0])]


def main() -> None:
    """Write the structures of both datasets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for element in KINDS:
        path = folder / f"{element}.extxyz"
        frames = structures(element)
        write(path, frames)
        print(f"{path}: {len(frames)} structures")


if __name__ == "__main__":
    main()
