"""The table of checks; plug-ins can add more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.structures.checks.constraints import check_constrained_atoms
from hub.structures.checks.convergence import check_convergence
from hub.structures.checks.duplicates import check_duplicates, check_trajectory_neighbours
from hub.structures.checks.electronic_states import check_electronic_states
from hub.structures.checks.energies import check_energy_outliers
from hub.structures.checks.findings import Finding
from hub.structures.checks.geometry import check_distances, check_lonely_atoms
from hub.structures.checks.labels import check_elements, check_labels, check_net_forces
from hub.structures.checks.signs import check_shifted_labels
from hub.structures.checks.sources import check_sources
from hub.structures.checks.stresses import check_stress_unit
from hub.structures.checks.units import check_length_unit, check_units
from hub.structures.checks.zero_forces import check_zero_forces
from registry.documents import MalformedError, fit
from registry.plugins import usable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hub.structures.checks.evidence import Evidence
    from registry.plugins import Plugin

KIND = "checks"


@dataclass(frozen=True)
class Check:
    """One check of a set of structures.

    Attributes
    ----------
    find
        Returns its findings.
    errors
        Codes of its findings that stop training unless they are allowed.
    """

    find: Callable[[Evidence], list[Finding]]
    errors: tuple[str, ...] = ()


def _elements(seen: Evidence) -> list[Finding]:
    known = seen.model_elements
    return [] if known is None else check_elements(seen.structures, known)


def _units(seen: Evidence) -> list[Finding]:
    explained = seen.energies_per_atom or seen.absurd_energies
    pairs = None if explained else (seen.along, seen.between)
    return check_units(seen.structures, seen.sound, pairs)


def _shifted(seen: Evidence) -> list[Finding]:
    return [] if seen.opposite_forces else check_shifted_labels(seen.structures, seen.along)


def _sources(seen: Evidence) -> list[Finding]:
    if seen.mixed_references:
        return []
    return check_sources(seen.structures, seen.residuals, seen.neighbours.coordination)


# In the order in which findings are reported.
CHECKS = {
    "elements": Check(_elements, ("unknown-elements",)),
    "labels": Check(
        lambda seen: check_labels(seen.structures), ("missing-energy", "missing-forces")
    ),
    "cells": Check(lambda seen: seen.bad_cells, ("cell", "positions")),
    "zero-forces": Check(
        lambda seen: check_zero_forces(seen.structures, seen.usable), ("zero-forces",)
    ),
    "opposite-forces": Check(lambda seen: seen.opposite_forces, ("forces-opposite",)),
    "shifted-labels": Check(_shifted, ("labels-shifted",)),
    "absurd-energies": Check(lambda seen: seen.absurd_energies, ("absurd-energies",)),
    "energies-per-atom": Check(lambda seen: seen.energies_per_atom, ("energies-per-atom",)),
    "units": Check(_units, ("units", "mixed-units")),
    "length-unit": Check(
        lambda seen: check_length_unit(seen.structures, seen.neighbours.shortest), ("units",)
    ),
    "mixed-references": Check(lambda seen: seen.mixed_references, ("mixed-references",)),
    "sources": Check(_sources),
    "stresses": Check(
        lambda seen: check_stress_unit(seen.structures), ("stress-unit", "stress-sign")
    ),
    "duplicates": Check(
        lambda seen: check_duplicates(seen.structures), ("contradicting-duplicates",)
    ),
    "distances": Check(lambda seen: check_distances(seen.neighbours), ("impossible-distances",)),
    "lonely-atoms": Check(
        lambda seen: check_lonely_atoms(seen.structures, seen.neighbours, seen.cutoff)
    ),
    "constrained-atoms": Check(lambda seen: check_constrained_atoms(seen.structures)),
    "convergence": Check(lambda seen: check_convergence(seen.structures)),
    "electronic-states": Check(lambda seen: check_electronic_states(seen.structures)),
    "net-forces": Check(lambda seen: check_net_forces(seen.structures)),
    "energy-outliers": Check(
        lambda seen: check_energy_outliers(seen.structures, seen.residuals, seen.in_other_reference)
    ),
    "trajectory-neighbours": Check(lambda seen: check_trajectory_neighbours(seen.structures)),
}
ERROR_CODES = frozenset(code for check in CHECKS.values() for code in check.errors)


def all_findings(seen: Evidence) -> list[Finding]:
    """Return the findings of all checks; broken plug-ins give a warning."""
    findings = [finding for check in CHECKS.values() for finding in check.find(seen)]
    added = usable(KIND, lambda plugin: _found_by(plugin, seen), CHECKS)
    return [*findings, *(finding for found in added.values() for finding in found)]


def require_error_codes(codes: Iterable[str]) -> None:
    """Refuse codes that are not an error of any check.

    Raises
    ------
    DataError
        With the unknown codes and the known ones.
    """
    unknown = set(codes) - ERROR_CODES
    if not unknown:
        return
    added = {code for check in usable(KIND, _loaded, CHECKS).values() for code in check.errors}
    if unknown - added:
        raise DataError(
            f"unknown error code: {', '.join(sorted(unknown - added))}",
            f"Codes that can be allowed: {', '.join(sorted(ERROR_CODES | added))}.",
        )


def _loaded(plugin: Plugin) -> Check:
    check = plugin.load()
    if not isinstance(check, Check):
        raise plugin.broken(f"{plugin.target} is not a Check")
    if ours := ERROR_CODES.intersection(check.errors):
        raise plugin.broken(f"the code {min(ours)} is already used by mlip-hub")
    return check


def _found_by(plugin: Plugin, seen: Evidence) -> list[Finding]:
    """Return the findings of a plug-in's check, if they are valid."""
    check = _loaded(plugin)
    found = plugin.call(check.find, seen)
    try:
        findings = fit([vars(each) for each in found], list[Finding])
    except (MalformedError, TypeError) as problem:
        raise plugin.broken(f"it does not return valid findings: {problem}") from problem
    for each in findings:
        if each.severity == "error" and each.code not in check.errors:
            raise plugin.broken(f"its error {each.code} is not among those it declares")
        if not set(each.structures) <= set(range(len(seen.structures))):
            raise plugin.broken(f"its finding {each.code} names structures that do not exist")
    return findings
