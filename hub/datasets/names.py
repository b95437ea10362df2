"""Names of entries: those that belong to a label set, and those reserved for them.

A calculation gives more than energy and forces. Its other results (`PROPERTIES`) belong to the
label set of its energies if they have the same tag: ``REF_stress`` to ``REF_energy``, ``stress`` to
``energy``, ``stress_dft`` to ``energy_dft``. Any other entry named like a label, or like a part of
the structure, would later be mistaken for one: it is renamed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hub.structures.label_names import names_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STRESS = "stress"  # among `PROPERTIES`
UNUSED = "unused_"  # `hub.structures.keys` ignores entries with this prefix


@dataclass(frozen=True)
class Property:
    """A result of a calculation besides energy and forces.

    Attributes
    ----------
    words
        Pattern of its spellings, in lower case with underscores.
    row_shapes
        Valid shapes of a row.
    per_atom
        Whether its rows are atoms; otherwise they are structures.
    """

    words: str
    row_shapes: tuple[tuple[int, ...], ...] = ((),)
    per_atom: bool = False


# With ASE's names, units and signs. ASE has no virial: it is in eV, with the sign of the file.
PROPERTIES = {
    "free_energy": Property(r"free_?energ(?:y|ies)"),
    STRESS: Property(r"stress(?:es)?(?:_tensor)?", ((6,),)),
    "virial": Property(r"virials?(?:_tensor)?", ((3, 3),)),
    "dipole": Property(r"dipoles?(?:_moment)?", ((3,),)),
    "magmom": Property(r"magmoms?|magnetic_moments?"),
    "polarization": Property(r"polari[sz]ation", ((3,),)),
    "dielectric_tensor": Property(r"dielectric_tensor", ((3, 3),)),
    "energies": Property(r"energies", per_atom=True),
    "stresses": Property(r"stress(?:es)?", ((6,),), per_atom=True),
    "charges": Property(r"charges", per_atom=True),
    "magmoms": Property(r"magmoms?|magnetic_moments?", ((), (3,)), per_atom=True),
    "born_effective_charges": Property(r"born_effective_charges", ((3, 3),), per_atom=True),
}
_ROWS: dict[str, tuple[int, ...]] = {
    "structures/numbers": (),
    "structures/positions": (3,),
    "structures/cells": (3, 3),
    "structures/pbc": (3,),
    "structures/pointers": (),
}
_LABEL_ROWS: dict[str, tuple[int, ...]] = {"energies": (), "forces": (3,)}
_LABEL_WORDS = (
    r"(?:free_?|tot(?:al)?_?|potential_?)?energ(?:y|ies)|e_?tot|toten|e|(?:atomic_)?forces?|f"
)
# Parts of a structure or of its labels in ASE, extended xyz, Hugging Face and NequIP datasets, or
# `--where`. Lower case, with underscores.
_RESERVED = {
    "energy", "energies", "e", "force", "forces", "f", "atomic_forces",
    "cell", "cells", "lattice", "pbc", "properties", "move_mask", "n_atoms", "pointers",
    "numbers", "atomic_numbers", "z", "species", "symbol", "symbols",
    "position", "positions", "pos", "coords", "coordinates",
    "data", "key_value_pairs",
}  # fmt: skip
# ASE writes the charges of a calculation into the column ``charge``.
_RESERVED_OF_ATOMS = {"charge"}


def row_shapes(path: str) -> tuple[tuple[int, ...], ...] | None:
    """Return the valid shapes of a row of a dataset's array; None if any shape is valid."""
    if path in _ROWS:
        return (_ROWS[path],)
    match path.split("/"):
        case ["labels", _, kind]:
            return (_LABEL_ROWS[kind],)
        case ["labels", _, _, name]:
            return PROPERTIES[name].row_shapes
    return None


def label_tag(energy_key: str, forces_key: str) -> str | None:
    """Return the tag of the label entries; None if they are not named like labels."""
    return _tag(energy_key or forces_key, _LABEL_WORDS)


@cache
def property_of(name: str, tag: str | None, *, per_atom: bool) -> str | None:
    """Return which of `PROPERTIES` an entry is, if it belongs to the labels with this tag."""
    if tag is None:
        return None
    of_kind = (key for key, each in PROPERTIES.items() if each.per_atom == per_atom)
    return next((key for key in of_kind if _tag(name, PROPERTIES[key].words) == tag), None)


@cache
def unreserved(name: str, *, per_atom: bool) -> str:
    """Return the name in datasets and their exports of an entry that is not a label."""
    plain = _plain(name)
    if plain.startswith(UNUSED):
        return name
    is_reserved = (
        plain in _RESERVED
        or (per_atom and plain in _RESERVED_OF_ATOMS)
        or names_label("energy", name)
        or names_label("forces", name)
        or any(_tag(name, each.words) == "" for each in PROPERTIES.values())
    )
    return UNUSED + name if is_reserved else name


def unreserved_names(names: Iterable[str], *, per_atom: bool) -> dict[str, str]:
    """Return the names of entries by their new, unique names."""
    given = list(names)
    called: dict[str, str] = {}
    # Entries that keep their names go first.
    for name in sorted(given, key=lambda name: unreserved(name, per_atom=per_atom) != name):
        new = unreserved(name, per_atom=per_atom)
        while new in called:
            new = UNUSED + new
        called[new] = name
    return dict(sorted(called.items()))


def renamed_notes(called: Mapping[str, str]) -> tuple[str, ...]:
    """Return a note on renamed entries, given their new names by their old ones."""
    pairs = [f"{old} to {new}" for old, new in called.items() if old != new]
    return (f"renamed because they are not labels: {', '.join(pairs)}",) if pairs else ()


def _tag(name: str, words: str) -> str | None:
    """Return the tag before or after a word, empty if none; None if it is another word."""
    match = re.fullmatch(rf"(?:(?P<before>.+?)_)??(?:{words})(?:_(?P<after>.+))?", _plain(name))
    if not match or (match["before"] and match["after"]):
        return None
    return match["before"] or match["after"] or ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
