"""Time ``hub.calculator`` against the file that NequIP's compiler makes of the same model.

    python -m tests.benchmarks aotinductor [--model c-ace-pretrained] [--repeats 9]

The model is exported and compiled with ``nequip-compile --mode aotinductor --target ase``, which
needs a C++ compiler. Both are ASE calculators in float64, one thread; CPU seconds of calls in
turns, medians, atoms moved before each call. The largest difference of the forces is printed too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import hub
from tests.benchmarks.network import crystal
from tests.benchmarks.timing import in_turns, report

if TYPE_CHECKING:
    from ase import Atoms


def compiled_calculator(name: str, folder: Path) -> Any:
    """Export a model, compile it with NequIP, and return NequIP's calculator."""
    from nequip.integrations.ase import NequIPCalculator

    package, file = folder / "model.nequip.zip", folder / "model.nequip.pt2"
    hub.export(name, format="nequip-package", out=package)
    script = Path(sys.executable).with_name("nequip-compile")
    options = ("--mode", "aotinductor", "--device", "cpu", "--target", "ase")
    subprocess.run([script, package, file, *options], cwd=folder, check=True, capture_output=True)
    return NequIPCalculator.from_compiled_model(str(file), device="cpu")


def forces_after_move(atoms: Atoms, calculator: Any, generator: np.random.Generator) -> None:
    """Compute energy and forces of atoms that have moved a little."""
    atoms.positions += generator.normal(scale=0.001, size=atoms.positions.shape)
    calculator.calculate(atoms, ["energy", "forces"], ["positions"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="c-ace-pretrained")
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        calculators = {"nequip-compile": compiled_calculator(given.model, Path(scratch))}
        calculators["hub.calculator"] = hub.calculator(given.model, device="cpu")
        for repeats in ((2, 2, 2), (3, 3, 3), (5, 5, 5)):
            atoms = crystal(repeats, 0)
            forces = []
            for calculator in calculators.values():
                calculator.calculate(atoms, ["energy", "forces"], ["positions"])
                forces.append(calculator.results["forces"])
            calls = {
                name: partial(forces_after_move, atoms.copy(), calculator, np.random.default_rng(1))
                for name, calculator in calculators.items()
            }
            report(f"{len(atoms)} atoms", in_turns(calls, given.repeats))
            difference = np.abs(forces[0] - forces[1]).max()
            print(f"  largest difference of forces: {difference:.1e} eV/Å")


if __name__ == "__main__":
    main()
