"""Small potentials of copper, fitted here to the labels of EMT, and a NEP of random numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

if TYPE_CHECKING:
    from collections.abc import Iterator


def copper() -> Iterator[Atoms]:
    """Yield rattled and strained cells of four atoms, with their energies and forces."""
    for seed in range(8):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.15, seed=seed)
        atoms.set_cell(atoms.cell * (0.96 + 0.02 * seed), scale_atoms=True)
        yield _labelled(atoms)


def fit_gap(path: Path, *, separate_file: bool = False) -> Path:
    """Fit a GAP with a two-body descriptor, and write it to `path`."""
    quippy = pytest.importorskip("quippy")
    atom = _labelled(Atoms("Cu", cell=[20] * 3, pbc=True))
    atom.info["config_type"] = "isolated_atom"
    write(path.with_suffix(".xyz"), [*copper(), atom])
    arguments = {
        "at_file": path.with_suffix(".xyz"),
        "gap": "{distance_2b cutoff=4.5 n_sparse=10 covariance_type=ard_se delta=1 "
        "theta_uniform=1 sparse_method=uniform}",
        "e0_method": "isolated",
        "default_sigma": "{0.01 0.1 0 0}",
        "energy_parameter_name": "dft_energy",
        "force_parameter_name": "dft_forces",
        "virial_parameter_name": "none",
        "sparse_separate_file": "T" if separate_file else "F",
        "gp_file": path.name,
    }
    subprocess.run(
        [Path(quippy.__path__[0]) / "gap_fit", *(f"{k}={v}" for k, v in arguments.items())],
        cwd=path.parent,
        check=True,
        capture_output=True,
    )
    return path


def fit_ace(directory: Path) -> tuple[Path, Path]:
    """Fit an ACE, and write it as ``cu.yaml`` and ``cu.yace``."""
    pyace = pytest.importorskip("pyace")
    pandas = pytest.importorskip("pandas")
    from pyace.linearacefit import LinearACEDataset, LinearACEFit

    frames = list(copper())
    table = pandas.DataFrame(
        {
            "ase_atoms": frames,
            "energy_corrected": [atoms.info["dft_energy"] for atoms in frames],
            "forces": [atoms.arrays["dft_forces"] for atoms in frames],
        }
    )
    embedding = {"npot": "FinnisSinclairShiftedScaled", "fs_parameters": [1, 1], "ndensity": 1}
    bond = {"radbase": "SBessel", "radparameters": [5.25], "rcut": 4.5, "dcut": 0.01}
    basis = pyace.create_multispecies_basis_config(
        {
            "deltaSplineBins": 0.01,
            "elements": ["Cu"],
            "embeddings": {"ALL": embedding},
            "bonds": {"ALL": {**bond, "NameOfCutoffFunction": "cos"}},
            "functions": {"ALL": {"nradmax_by_orders": [6, 3, 2], "lmax_by_orders": [0, 2, 1]}},
        }
    )
    data = LinearACEDataset(basis, table)
    data.construct_design_matrix(max_workers=1)
    fit = LinearACEFit(train_dataset=data)
    fit.fit()
    fitted = fit.get_bbasis()
    fitted.save(str(directory / "cu.yaml"))
    fitted.to_ACECTildeBasisSet().save_yaml(str(directory / "cu.yace"))
    return directory / "cu.yaml", directory / "cu.yace"


def random_nep(path: Path) -> Path:
    """Write a NEP of carbon with random weights."""
    radial, angular, neurons, orders = 3, 3, 5, 4
    descriptors = radial + angular * orders
    header = (
        "nep4 1 C\n"
        "cutoff 4.5 4 100 60\n"
        f"n_max {radial - 1} {angular - 1}\n"
        "basis_size 4 4\n"
        f"l_max {orders} 0 0\n"
        f"ANN {neurons} 0\n"
    )
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(descriptors + 2) * neurons + 1 + (radial + angular) * 5)
    scales = np.full(descriptors, 0.1)
    path.write_text(header + "".join(f"{value:.6e}\n" for value in [*weights, *scales]))
    return path


def _labelled(atoms: Atoms) -> Atoms:
    atoms.calc = EMT()
    atoms.info["dft_energy"] = atoms.get_potential_energy()
    atoms.arrays["dft_forces"] = atoms.get_forces()
    atoms.calc = None
    return atoms
