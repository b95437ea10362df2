"""Units declared in a file for its labels, such as ``energy-unit=hartree``.

Labels are in eV and eV/Å. An entry with unit in its name is applied if its value is known, and
refused otherwise. After the conversion the entry says eV, so that nothing is converted twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError
from hub.structures.label_names import names_label, tag_of
from hub.structures.stresses import EV_PER_A3_IN_GPA

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

# CODATA 2018, as in ASE.
_ENERGIES = {
    "ev": 1.0,
    "mev": 1e-3,
    "kev": 1e3,
    "hartree": 27.211386245988,
    "rydberg": 13.605693122994,
    "kcal/mol": 0.04336410390059322,
    "kj/mol": 0.010364269574711572,
}
_LENGTHS = {"angstrom": 1.0, "bohr": 0.529177210903, "nm": 10.0}
_ATOMIC = ("a.u.", "au", "atomic", "atomic/units")
_SPELLINGS = {
    "ha": "hartree",
    "eh": "hartree",
    "hartrees": "hartree",
    **dict.fromkeys(_ATOMIC, "hartree"),
    "metal": "ev",
    "real": "kcal/mol",
    "ry": "rydberg",
    "rydbergs": "rydberg",
    "electronvolt": "ev",
    "electronvolts": "ev",
    "kcal": "kcal/mol",
    "kcal/mole": "kcal/mol",
    "kj": "kj/mol",
    "å": "angstrom",
    "a": "angstrom",
    "ang": "angstrom",
    "angstroms": "angstrom",
    "a0": "bohr",
    "bohrs": "bohr",
}
_UNIT = re.compile(r"units?", re.IGNORECASE)
_PER_ATOM = re.compile(r"/\s*atom|per[\s_-]*atom", re.IGNORECASE)
_KINDS = ("energy", "forces")
_PRESSURES = {
    "ev": 1.0,  # eV/Å^3, for any spelling of the volume
    "gpa": 1 / EV_PER_A3_IN_GPA,
    "kbar": 0.1 / EV_PER_A3_IN_GPA,
    "kb": 0.1 / EV_PER_A3_IN_GPA,
}
_POSITIONS = {"length", "lengths", "position", "positions", "distance", "cell", "lattice"}


def honour_units(atoms: Atoms, notes: MutableMapping[str, None]) -> None:
    """Convert the labels of a structure to the units of this package if it declares others.

    Parameters
    ----------
    atoms
        Changed in place.
    notes
        Conversions are added as keys.

    Raises
    ------
    DataError
        If a declared unit is unknown.
    """
    for key in [name for name in atoms.info if _UNIT.search(name)]:
        declared = atoms.info[key]
        subject = _UNIT.sub("", key).strip("_- ")
        if isinstance(declared, str) and names_label("stress", subject):
            _convert_stress(atoms, key, subject, declared, notes)
            continue
        kind = next((kind for kind in _KINDS if names_label(kind, subject)), "")
        if not isinstance(declared, str):
            continue
        if subject.lower() in _POSITIONS and _known(_LENGTHS, declared.lower()) != 1:
            raise _unknown(key, declared)
        if subject and not kind:
            continue
        kinds = (kind,) if kind else _KINDS
        for each in kinds:
            factor = _factor(each, declared, key)
            if factor != 1:
                tag = tag_of(each, subject) if kind else None
                names = [_scale(place, name, factor) for place, name in _labels(atoms, each, tag)]
                target = "eV" if each == "energy" else "eV/Å"
                if names:
                    notes[f"{', '.join(names)} converted to {target}: {key} is {declared}"] = None
        atoms.info[key] = "eV/angstrom" if kinds == ("forces",) else "eV"


def _convert_stress(
    atoms: Atoms, key: str, subject: str, declared: str, notes: MutableMapping[str, None]
) -> None:
    """Convert the stresses whose unit an entry declares."""
    factor = _PRESSURES.get(declared.lower().split("/", maxsplit=1)[0].strip())
    if factor is None:
        raise DataError(
            f"the entry {key} declares the unit {declared!r}, which cannot be converted",
            "Give stresses in eV/angstrom^3, GPa or kbar, and change that entry.",
        )
    places = list(_labels(atoms, "stress", tag_of("stress", subject)))
    names = [_scale(place, name, factor) for place, name in places if factor != 1]
    if names:
        notes[f"{', '.join(names)} converted to eV/Å^3: {key} is {declared}"] = None
    atoms.info[key] = "eV/angstrom^3"


def unit_factor(kind: str, unit: str) -> float | None:
    """Return a unit in eV (`kind` energy) or eV/Å (forces); None if it is unknown."""
    word = re.sub(r"[\s_;,]+", "/", unit.lower().strip()).replace("/per/", "/")
    if kind == "energy":
        return _known(_ENERGIES, word) or _known(_ENERGIES, word.split("/", maxsplit=1)[0])
    if word in _ATOMIC:
        return _ENERGIES["hartree"] / _LENGTHS["bohr"]
    for split in re.finditer("/", word):
        energy, length = word[: split.start()], word[split.end() :]
        of, per = _known(_ENERGIES, energy), _known(_LENGTHS, length)
        if of and per:
            return of / per
    # Hartree may be per Bohr or per Å, but eV and kcal/mol are always per Å.
    alone = _known(_ENERGIES, word)
    return None if _SPELLINGS.get(word, word) in {"hartree", "rydberg"} else alone


def _known(units: dict[str, float], word: str) -> float | None:
    return units.get(_SPELLINGS.get(word, word))


def _factor(kind: str, declared: str, key: str) -> float:
    factor = None if _PER_ATOM.search(declared) else unit_factor(kind, declared)
    if factor is None:
        raise _unknown(key, declared)
    return factor


def _unknown(key: str, declared: str) -> DataError:
    return DataError(
        f"the entry {key} declares the unit {declared!r}, which cannot be converted",
        "Give total energies in eV, forces in eV/Å and positions in Å, and remove or change that "
        "entry.",
    )


def _labels(
    atoms: Atoms, kind: str, tag: str | None
) -> Iterator[tuple[MutableMapping[str, Any], str]]:
    """Yield the labels of a kind, of one tag or of all, each with its container."""
    results = getattr(atoms.calc, "results", {})
    for place in (results, atoms.info, atoms.arrays):
        for name, value in place.items():
            wanted = names_label(kind, name) and np.asarray(value).dtype.kind in "if"
            if wanted and (not tag or tag_of(kind, name) == tag):
                yield place, name


def _scale(place: MutableMapping[str, Any], name: str, factor: float) -> str:
    place[name] = np.asarray(place[name], np.float64) * factor
    if place[name].ndim == 0:
        place[name] = float(place[name])
    return name
