"""Spread of a committee, and its calibration against known errors."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from hub.evaluation.uncertainty import (
    ENERGIES,
    FORCES,
    LEVELS,
    Spread,
    calibrate,
    combine,
    coverage_of,
)
from hub.potentials.batches import Predictions
from hub.structures import StructureSet

N_STRUCTURES, N_ATOMS = 400, 6


def predictions(energies, forces, stresses=None) -> Predictions:
    blank = np.full((len(energies), 3, 3), np.nan)
    return Predictions(np.array(energies), tuple(forces), blank if stresses is None else stresses)


def made_up(true_scale: float) -> tuple[StructureSet, Predictions, Spread]:
    """Return normal errors whose standard deviation is `true_scale` times the spread."""
    rng = np.random.default_rng(1)
    structures, energies, forces = [], [], []
    spread_of_energies = rng.uniform(0.1, 2.0, N_STRUCTURES)
    spread_of_forces = [rng.uniform(0.05, 1.0, (N_ATOMS, 3)) for _ in range(N_STRUCTURES)]
    for index in range(N_STRUCTURES):
        atoms = Atoms("C6", positions=rng.uniform(0, 9, (N_ATOMS, 3)))
        label, pull = rng.normal(), rng.normal(size=(N_ATOMS, 3))
        atoms.calc = SinglePointCalculator(atoms, energy=label, forces=pull)
        structures.append(atoms)
        energies.append(label + true_scale * spread_of_energies[index] * rng.normal())
        noise = true_scale * spread_of_forces[index] * rng.normal(size=(N_ATOMS, 3))
        forces.append(pull + noise)
    spread = Spread(spread_of_energies, tuple(spread_of_forces))
    return StructureSet.from_atoms(structures), predictions(energies, forces), spread


def test_mean_and_sample_standard_deviation_of_the_members():
    members = [
        predictions([value], [np.full((2, 3), value)], np.full((1, 3, 3), value))
        for value in (1.0, 2.0, 6.0)
    ]
    mean, spread = combine(members)
    assert mean.energies.tolist() == [3.0]
    assert mean.forces[0].tolist() == np.full((2, 3), 3.0).tolist()
    assert mean.stresses.ravel().tolist() == [3.0] * 9
    assert spread.energies == pytest.approx([np.sqrt(7)])
    assert spread.forces[0] == pytest.approx(np.full((2, 3), np.sqrt(7)))
    with pytest.raises(ValueError, match="at least two"):
        combine(members[:1])


@pytest.mark.parametrize("true_scale", [1.0, 2.5])
def test_normal_errors_are_covered_as_expected_once_scaled(true_scale):
    found = calibrate(*made_up(true_scale))
    assert list(found) == [ENERGIES, FORCES]
    for name, tolerance in ((ENERGIES, 0.08), (FORCES, 0.02)):
        each = found[name]
        assert each.scale == pytest.approx(true_scale, rel=2 * tolerance)
        assert [row.expected for row in each.coverage] == list(LEVELS)
        for row in each.coverage:
            assert row.scaled == pytest.approx(row.expected, abs=tolerance)
    forces = found[FORCES]
    assert forces.n == N_STRUCTURES * N_ATOMS * 3
    assert forces.correlation > 0.4
    assert forces.rms_error == pytest.approx(true_scale * forces.rms_spread, rel=0.05)
    one_sigma = forces.coverage[1].observed
    assert one_sigma == pytest.approx(0.683 if true_scale == 1.0 else 0.311, abs=0.02)


def test_a_committee_that_agrees_covers_nothing():
    structures, mean, spread = made_up(1.0)
    none = Spread(0 * spread.energies, tuple(0 * each for each in spread.forces))
    found = calibrate(structures, mean, none)[FORCES]
    assert [row.observed for row in found.coverage] == [0.0] * len(LEVELS)
    assert found.to_dict()["scale"] is None
    assert found.to_dict()["correlation"] is None


def test_missing_labels_and_exact_zeros_are_left_out():
    structures, mean, spread = made_up(1.0)
    structures.energies[4:] = np.nan
    own = structures.atoms_of(0)
    mean.forces[0][:] = structures.forces[own]
    spread.forces[0][:] = 0.0
    found = calibrate(structures, mean, spread)
    assert list(found) == [FORCES]  # four energies are too few
    assert found[FORCES].n == (N_STRUCTURES - 1) * N_ATOMS * 3


def test_coverage_counts_the_errors_inside():
    errors, spreads = np.array([0.5, -0.5, 3.0, 0.1]), np.array([1.0, 1.0, 1.0, 0.0])
    levels = np.array([0.1, 0.5, 0.999])
    assert coverage_of(errors, spreads, levels).tolist() == [0.0, 0.5, 0.75]
