"""Label structures by density-functional theory, one by one, and gather them in one file.

Usage::

    python3 cards/make/dft_label.py label carbon.extxyz FOLDER   # goes on where it was stopped
    python3 cards/make/dft_label.py gather FOLDER carbon-pbe.extxyz
    python3 cards/make/dft_label.py converge carbon.extxyz       # prints the convergence table

Needs GPAW (tested with 22.8) with its PAW setups, ASE and numpy: ``apt install gpaw`` brings all.

Each structure becomes one file of FOLDER: ``0007.extxyz`` with its energy and forces, or
``0007.failed`` with the reason. The energy is the free energy of the smeared electrons: forces are
its derivatives. ``energy_sigma0`` is the energy extrapolated to no smearing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from gpaw import GPAW, PW, FermiDirac, KohnShamConvergenceError, Mixer, MixerSum

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Settings:
    """What the numbers depend on.

    Attributes
    ----------
    cutoff
        Of the plane waves, in eV.
    kpoint_density
        k-points along a reciprocal lattice vector per its length over 2π, in Å; rounded up.
    width
        Of the Fermi-Dirac distribution, in eV.
    xc
        Exchange-correlation functional.
    """

    cutoff: float
    kpoint_density: float
    width: float = 0.1
    xc: str = "PBE"


SETTINGS = {"C": Settings(500.0, 1.6), "Si": Settings(300.0, 2.4)}
CONVERGENCE = {"energy": 1e-5, "density": 1e-5, "forces": 0.003, "maximum iterations": 120}

# One setting is varied at a time; the last value is the reference of the others.
VARIED = {
    "C": {"cutoff": (300.0, 400.0, 500.0, 700.0), "kpoint_density": (1.6, 2.2, 3.0)},
    "Si": {"cutoff": (200.0, 250.0, 300.0, 400.0), "kpoint_density": (1.6, 2.4, 3.2, 4.0)},
}


def labelled(atoms: Atoms, settings: Settings) -> Atoms:
    """Return the structure with its energy and forces.

    A lone atom is calculated with the spin that Hund's rules give it and integer occupations;
    everything else without spin.

    Raises
    ------
    gpaw.KohnShamConvergenceError
        If the density does not settle.
    """
    alone = len(atoms) == 1
    start = time.process_time()
    calculated = atoms.copy()
    calculated.calc = GPAW(
        mode=PW(settings.cutoff),
        xc=settings.xc,
        kpts={"density": settings.kpoint_density, "gamma": True},
        occupations=FermiDirac(0.0 if alone else settings.width, fixmagmom=alone),
        hund=alone,
        mixer=MixerSum(0.1, 5, 1.0) if alone else Mixer(0.25, 5, 1.0),
        convergence=CONVERGENCE,
        txt=None,
    )
    energy = calculated.get_potential_energy(force_consistent=True)
    forces = calculated.get_forces()
    atoms = atoms.copy()
    atoms.info["energy_sigma0"] = calculated.get_potential_energy()
    atoms.info["kpoints"] = "x".join(str(n) for n in calculated.calc.wfs.kd.N_c)
    atoms.info["seconds"] = round(time.process_time() - start, 1)
    atoms.info["settings"] = json.dumps({**asdict(settings), "gpaw": version("gpaw")})
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def write_whole(path: Path, atoms: Atoms) -> None:
    """Write a file that is there as a whole or not at all."""
    temporary = path.with_suffix(".partial")
    write(temporary, atoms, format="extxyz")
    temporary.replace(path)


def same(a: Atoms, b: Atoms) -> bool:
    """Tell whether two structures are the same, to what a file keeps."""
    return (
        list(a.numbers) == list(b.numbers)
        and np.allclose(a.positions, b.positions, atol=1e-6)
        and np.allclose(a.cell.array, b.cell.array, atol=1e-6)
    )


def label(structures: Path, folder: Path) -> None:
    """Label those structures of a file that the folder does not have yet."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = read(structures, ":")
    for index, atoms in enumerate(frames):
        done, failed = folder / f"{index:04}.extxyz", folder / f"{index:04}.failed"
        if done.exists() and not same(read(done), atoms):
            sys.exit(f"{done} is of another structure than {structures} has at {index}")
        if done.exists() or failed.exists():
            continue
        try:
            result = labelled(atoms, SETTINGS[atoms.get_chemical_symbols()[0]])
        except KohnShamConvergenceError as error:
            failed.write_text(f"{atoms.info['config_type']}: {error}\n", encoding="utf-8")
            print(f"{index:4}/{len(frames)} {atoms.info['config_type']}: not converged", flush=True)
            continue
        write_whole(done, result)
        each = result.get_potential_energy() / len(atoms)
        print(
            f"{index:4}/{len(frames)} {atoms.info['config_type']:14} {each:9.4f} eV/atom, "
            f"k {result.info['kpoints']}, {result.info['seconds']} s",
            flush=True,
        )


def gather(folder: Path, path: Path) -> None:
    """Write all labelled structures of a folder to one file."""
    frames = [read(each) for each in sorted(folder.glob("*.extxyz"))]
    settings = {str(atoms.info["settings"]) for atoms in frames}
    if len(settings) != 1:
        sys.exit(f"{folder} has structures of {len(settings)} different settings")
    for atoms in frames:
        del atoms.info["settings"], atoms.info["seconds"]
        atoms.arrays.pop("forces", None)  # ASE 3.22 keeps them beside those of the calculator
    temporary = path.with_suffix(".partial")
    write(temporary, frames, format="extxyz")
    temporary.replace(path)
    print(f"{path}: {len(frames)} structures, {settings.pop()}")
    for failed in sorted(folder.glob("*.failed")):
        print(f"left out: {failed.stem} {failed.read_text(encoding='utf-8').strip()}")


def converge(structures: Path) -> None:
    """Print how energies and forces of three structures depend on the settings.

    Energies are differences from the first of the structures, in meV/atom; forces the largest
    difference of any component, in meV/Å; both compared with the last row of the same setting.
    """
    frames = read(structures, ":")
    kinds = [atoms.info["config_type"] for atoms in frames]
    wanted = ["diamond", "graphite" if "graphite" in kinds else "beta_tin", "disordered"]
    chosen = [frames[kinds.index(kind)] for kind in wanted]
    symbol = chosen[0].get_chemical_symbols()[0]
    columns = [*(f"energy, {kind}" for kind in wanted[1:]), *(f"forces, {kind}" for kind in wanted)]
    print("| setting | " + " | ".join(columns) + " | time, s |")
    print("| --- |" + " ---: |" * (len(columns) + 1))
    for name, values in VARIED[symbol].items():
        reference = None
        for value in reversed(values):
            settings = replace(SETTINGS[symbol], **{name: value})
            results = [labelled(atoms, settings) for atoms in chosen]
            energies = np.array([each.get_potential_energy() / len(each) for each in results])
            forces = [each.get_forces() for each in results]
            energies -= energies[0]
            reference = reference or (energies, forces)
            cells = [f"{1e3 * e:.1f}" for e in (energies - reference[0])[1:]]
            pairs = zip(forces, reference[1], strict=True)
            cells += [f"{1e3 * abs(mine - best).max():.0f}" for mine, best in pairs]
            seconds = sum(each.info["seconds"] for each in results)
            row = [f"{name} {value:g}", *cells, f"{seconds:.0f}"]
            print("| " + " | ".join(row) + " |", flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    for run, arguments in (
        (label, ("structures", "folder")),
        (gather, ("folder", "path")),
        (converge, ("structures",)),
    ):
        command = commands.add_parser(run.__name__, help=run.__doc__.partition("\n")[0])
        command.set_defaults(run=run)
        for argument in arguments:
            command.add_argument(argument, type=Path)
    values = vars(parser.parse_args())
    values.pop("run")(**values)


if __name__ == "__main__":
    main()
