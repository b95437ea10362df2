"""Names of labels, split into a word and a tag; see `hub.structures.keys`."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORDS = {
    "energy": {"energy", "energies", "etot", "toten", "epot", "E"},
    "forces": {"force", "forces", "F"},
    "stress": {"stress", "stresses"},
    "virial": {"virial", "virials"},
}
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[A-Z][a-z0-9]*|[0-9]+")
_NEUTRAL = {"tot", "total", "potential", "pot"}
_VARIANTS = {"free", "sigma0", "sigma", "smearing"}
_NOT_LABELS = re.compile(
    r"kinetic|kin|formation|binding|cohesive|atomi[sz]ation|interaction|adsorption|surface|vdw|"
    r"dispersion|hull|above|strain|zero|zpv?e|fermi|electrostatic|coulomb|repulsion|delta|"
    r"diff|difference|mean|std|var|variance|err|error|uncertainty|weights?|atoms?|atomic|local|spin|"
    r"per|units?|key|correction|shift|offset|cutoff|scale|barrier|band|excitation|ionization|"
    r"reaction|activation|solvation|self|xc|exchange|correlation|hartree|max|min|rms|norm|id|index|"
    r"initial|external|"
    # A dataset's name for entries that are not its labels; see `hub.datasets.names`.
    r"unused"
)


class LabelName(NamedTuple):
    """A parsed name: its tag, and whether it is a variant such as a free energy."""

    tag: str
    is_variant: bool


@cache
def parse_name(kind: str, name: str) -> LabelName | None:
    """Parse the name of an entry; None if it is not a label of this kind."""
    parts = _PARTS.findall(name)
    words = _WORDS[kind]
    joined = "".join(parts[-2:]).lower()
    if joined == "etot" and len(parts) > 1:  # E_tot
        parts = [*parts[:-2], "etot"]
    for place in (-1, 0):
        word = parts[place] if parts else ""
        if word in words or (len(word) > 1 and word.lower() in words):
            others = [part.lower() for part in (parts[:-1] if place else parts[1:])]
            break
    else:
        return None
    if any(_NOT_LABELS.fullmatch(part) for part in others):
        return None
    tag = [part for part in others if part not in _NEUTRAL | _VARIANTS]
    return LabelName("_".join(tag), bool(_VARIANTS & set(others)))


def names_label(kind: str, name: str) -> bool:
    """Whether an entry called `name` may be a total energy (`kind` energy), forces, ..."""
    return parse_name(kind, name) is not None


def tag_of(kind: str, name: str) -> str:
    """Return the tag of a label's name; the whole name if it contains no known word."""
    parsed = parse_name(kind, name)
    return parsed.tag if parsed else name.lower()


def all_of_same_tag(kind: str, names: Iterable[str], energy: str) -> list[str]:
    """Return those of `names` that are the stress or virial (`kind`) of an energy."""
    tag = tag_of("energy", energy)
    return [name for name in names if names_label(kind, name) and tag_of(kind, name) == tag]
