"""Whether energies and forces are in eV and eV/Å, inferred from the data alone.

*Forces.* A pair force g(x) / R² along each pair, with x the distance in sums of covalent radii R,
is fitted to the forces of a sample. For covalent, metallic and ionic bonds alike, -g'(x) at bond
lengths (a bond's stiffness times its length cubed, in eV Å) lies between about 8 and 190: measured
36 to 60 for carbon and silicon (DFT), 13 to 96 for fcc metals, 35 to 53 for small molecules.
Hartree/Bohr makes it 51 times smaller, Rydberg/Bohr 26 times, kcal/mol/Å 23 times larger.

*Energies.* Their differences must agree with the forces: along neighbouring frames of a
trajectory, -F·dr; else, among structures of equal composition, the energy of the fitted pair force,
whose slope against the labels was measured between 0.3 and 2.4. Hartree makes it 27 times smaller,
Rydberg 14 times, kcal/mol 23 times larger.

Nothing is reported if the pair force explains little (relaxed structures, van der Waals solids), if
it is weaker than any unit can make it, or if the energies do not correlate with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.findings import Finding
from hub.structures.checks.pair_force import fit_pair_force
from hub.structures.checks.work import FEWEST_PAIRS, correlation

if TYPE_CHECKING:
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.checks.pair_force import PairForce
    from hub.structures.checks.work import Work
    from hub.structures.structure_set import StructureSet

_USUAL_STIFFNESS = 40.0  # eV Å
_STIFFNESS_RANGE = (3.0, 230.0)  # eV Å
_WEAKEST = 0.1  # eV Å; Hartree/Bohr, of the softest bonds
_FACTOR_RANGE = (0.2, 6.0)  # of energy differences to those implied by the forces

_SAMPLE_STRUCTURES = 200
_SAMPLE_ATOMS = 20_000
_CORRELATION = 0.5

_WORK_CORRELATION = 0.9
_MIXED_SCALES = 8.0  # between the forces of structures in one unit and another
_FEWEST_MIXED = 3

_NEAREST_IN_BOHR = 1.35
_NOBLE_GASES = {"He", "Ne", "Ar", "Kr", "Xe", "Rn"}


def check_units(
    structures: StructureSet, sound: BoolArray, pairs: tuple[Work, ...] | None
) -> list[Finding]:
    """Find forces and energies that seem to be in other units.

    Parameters
    ----------
    structures
        All structures.
    sound
        (S,) which of them have complete labels, usable cells and the same energy reference.
    pairs
        Energy differences implied by the forces, the most reliable first. None if the energies
        are known to be wrong in another way: then only forces are checked.
    """
    sample = _sample(structures, sound)
    fitted = fit_pair_force(structures, sample)
    factors = [_factor(work) for work in pairs or ()]
    factor = next((known for known in factors if known is not None), None)
    force_scale = 1.0
    findings = []
    if fitted is not None and fitted.stiffness > _WEAKEST:
        if factor is None and pairs is not None:
            factor = _factor_to_pair_energies(structures, sample, fitted)
        if not _STIFFNESS_RANGE[0] < fitted.stiffness < _STIFFNESS_RANGE[1]:
            force_scale = fitted.stiffness / _USUAL_STIFFNESS
            findings.append(_finding("forces", "eV/Å", force_scale))
        findings += _mixed_forces(sample, fitted)
    if factor is not None:
        energy_scale = force_scale * factor
        if not _FACTOR_RANGE[0] < energy_scale < _FACTOR_RANGE[1]:
            findings.append(_finding("energies", "eV", energy_scale))
    return findings


def _mixed_forces(sample: IntArray, fitted: PairForce) -> list[Finding]:
    """Find structures whose forces follow the same law as the others on a different scale."""
    known = np.isfinite(fitted.scales)
    typical = float(np.median(fitted.scales[known])) if known.any() else 1.0
    relative = np.where(known, fitted.scales, typical) / typical
    other = (relative > _MIXED_SCALES) | (relative < 1 / _MIXED_SCALES)
    if other.sum() < _FEWEST_MIXED:
        return []
    factor = float(np.median(relative[other]))
    size = f"{factor:.0f} times larger" if factor > 1 else f"{1 / factor:.0f} times smaller"
    return [
        Finding(
            "error",
            "mixed-units",
            f"the forces of some structures are {size} than those of the others at the same "
            f"distances ({int(other.sum())} of {len(sample)} sampled)",
            np.sort(sample[other]).tolist(),
            "Are some in Hartree/Bohr, Rydberg/Bohr or kcal/mol/Å? Convert all to eV/Å.",
        )
    ]


def check_length_unit(structures: StructureSet, shortest: FloatArray) -> list[Finding]:
    """Find positions that seem to be in Bohr: only noble gases have such large distances."""
    known = shortest[np.isfinite(shortest)]
    typical = float(np.median(known)) if len(known) else 0.0
    if typical < _NEAREST_IN_BOHR or _NOBLE_GASES & set(structures.elements):
        return []
    return [
        Finding(
            "warning",
            "units",
            f"nearest-neighbour distances are {typical:.2f} times the sum of the covalent radii, "
            "as if positions were in Bohr",
            [],
            "Positions and cells must be in Å (1 Bohr = 0.529177 Å).",
        )
    ]


def _finding(what: str, unit: str, scale: float) -> Finding:
    if scale < 1:
        size = f"about {1 / scale:.0f} times too small for {unit}"
        likely = "Hartree/Bohr or Rydberg/Bohr" if what == "forces" else "Hartree or Rydberg"
    else:
        size = f"about {scale:.0f} times too large for {unit}"
        likely = "kcal/mol, kJ/mol or meV" + (" per Å" if what == "forces" else "")
    return Finding(
        "error",
        "units",
        f"the {what} look {size}: {likely}?",
        [],
        f"Convert them to {unit} (1 Hartree = 27.2114 eV, 1 Rydberg = 13.6057 eV, 1 kcal/mol = "
        "0.0433641 eV, 1 Hartree/Bohr = 51.4221 eV/Å).",
    )


def _sample(structures: StructureSet, sound: BoolArray) -> IntArray:
    """Return indices spread evenly over the sound structures of more than one atom."""
    candidates = np.flatnonzero(sound & (structures.n_atoms > 1))
    if len(candidates) > _SAMPLE_STRUCTURES:
        evenly = np.linspace(0, len(candidates) - 1, _SAMPLE_STRUCTURES).astype(np.int64)
        candidates = candidates[evenly]
    # Large structures: every k-th, so that the sample still spans the set.
    step = -(-int(structures.n_atoms[candidates].sum()) // _SAMPLE_ATOMS)
    return candidates[:: max(step, 1)]


def _factor_to_pair_energies(
    structures: StructureSet, sample: IntArray, fitted: PairForce
) -> float | None:
    """Return how many times larger energy differences are than the pair force implies.

    The median slope over pairs of structures of equal composition; None if they do not correlate.
    """
    per_atom = structures.energies[sample] / structures.n_atoms[sample]
    fractions = structures.composition[sample] / structures.n_atoms[sample][:, None]
    _, group = np.unique(fractions.round(6), axis=0, return_inverse=True)
    one, other = np.triu_indices(len(sample), k=1)
    equal = group.reshape(-1)[one] == group.reshape(-1)[other]
    said = (fitted.energies[one] - fitted.energies[other])[equal]
    labelled = (per_atom[one] - per_atom[other])[equal]
    if len(said) < FEWEST_PAIRS or correlation(said, labelled) < _CORRELATION:
        return None
    return float(np.median(labelled[said != 0] / said[said != 0]))


def _factor(work: Work) -> float | None:
    """Return how many times larger energy differences are than forces imply; None if unrelated."""
    if work.correlation < _WORK_CORRELATION:
        return None
    return float((work.said @ work.labelled) / (work.said @ work.said))
