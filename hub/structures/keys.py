"""Which entries of a file are its energies and forces.

A label's name is a *tag* and a word: ``REF_energy`` is tag ``ref``, word ``energy``; a bare
``energy`` has no tag. The rules, in order:

1. A key that the user names is taken.
2. Energies and forces belong to the same tag.
3. The tags that say reference calculation (``REF``, ``DFT``) go before all others, such as
   ``energy``, which ASE moves into a calculator, or ``gap_energy``.
4. Several keys that remain must agree in value. If they differ, that is an error that lists them.

Energies of parts or differences (``kinetic_energy``, ``formation_energy``, ...) and energies of
single atoms are not total energies and are only taken when named. Where a code gives both,
``energy`` (for VASP: extrapolated to zero smearing) is taken and not ``free_energy``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.structures.arrays import FloatArray

_WORDS = {
    "energy": re.compile(
        r"^(?:(?P<tag>.+?)[_-])??"
        r"(?:(?P<free>free)[_-]?|tot(?:al)?[_-]?|potential[_-]?)?(?:energy|e_?tot|toten)$",
        re.IGNORECASE,
    ),
    "forces": re.compile(r"^(?:(?P<tag>.+?)[_-])?(?P<free>$.)?forces?$", re.IGNORECASE),
}
_BLOCK = 100_000
_REFERENCE_TAGS = {"ref", "reference", "dft"}
_NOT_TOTALS = re.compile(
    # What a dataset calls entries that are not its labels; see `hub.datasets.names`.
    r"^unused(?:$|[_-])|"
    r"(?:^|[_-])(?:kinetic|formation|binding|cohesive|atomi[sz]ation|interaction|adsorption|surface|"
    r"vdw|dispersion|hull|strain|zero_?point|fermi|electrostatic|coulomb|repulsion|delta|mean|std|var|"
    r"error|weight|atom|atomic|local|spin)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Candidate:
    """One entry of the files that may be the wanted label, with its values.

    Attributes
    ----------
    name
        As in the file.
    values
        (S,) in eV or (A, 3) in eV/Å; NaN where a structure lacks it.
    """

    kind: str
    name: str
    values: FloatArray

    @property
    def tag(self) -> str:
        """What stands before the word, in lower case; empty for a bare ``energy`` or ``forces``."""
        match = _WORDS[self.kind].match(self.name)
        return (match["tag"] or "").lower() if match else self.name.lower()

    @property
    def is_free_energy(self) -> bool:
        """Whether the name says free energy."""
        match = _WORDS[self.kind].match(self.name)
        return bool(match and match["free"])

    @property
    def is_reference(self) -> bool:
        """Whether the tag says that a reference calculation gave it."""
        return self.tag in _REFERENCE_TAGS

    def describe(self) -> str:
        """Write the name, how many values there are, and their range."""
        finite = self.values[np.isfinite(self.values)]
        if not len(finite):
            return f"{self.name} (no numbers)"
        unit = "structures" if self.values.ndim == 1 else "components"
        return f"{self.name} ({len(finite)} {unit}, {finite.min():.6g} to {finite.max():.6g})"


@cache
def names_label(kind: str, name: str) -> bool:
    """Whether an entry called `name` may be a total energy (`kind` energy) or forces."""
    match = _WORDS[kind].match(name)
    return bool(match) and not _NOT_TOTALS.search((match["tag"] if match else None) or "")


def choose(
    candidates: Sequence[Candidate],
    kind: str,
    named: str | None,
    partner: Candidate | None,
    found_keys: str,
) -> Candidate:
    """Return the candidate that the module's rules choose.

    Parameters
    ----------
    candidates
        All of one kind.
    kind
        ``energy`` or ``forces``.
    named
        The key that the user asks for, if any.
    partner
        The choice already made for the other kind, if any.
    found_keys
        What the files hold, for messages.

    Raises
    ------
    DataError
        If no candidate fits, or several do and differ.
    """
    option = f"--{kind}-key"
    if named is not None:
        for candidate in candidates:
            if candidate.name == named:
                return candidate
        raise DataError(
            f"no structure has {kind} under the key {named!r}; found: {found_keys}",
            f"Give one of these to {option}.",
        )
    if not candidates:
        raise DataError(
            f"no {kind} found in the files; found: {found_keys}",
            f"Name the right entry with {option}, or add {kind} to the files.",
        )
    fitting = _without_free_energies(_fitting(candidates, partner))
    if not fitting and partner:
        raise DataError(
            f"the labels {partner.name} have no {kind} that go with them; found: "
            + "; ".join(candidate.describe() for candidate in candidates),
            f"Name what belongs together with --energy-key and --forces-key ({option} is missing).",
        )
    best = max(fitting, key=lambda candidate: np.isfinite(candidate.values).sum())
    if not all(_agrees(best, other) for other in fitting if other is not best):
        raise DataError(
            f"several entries could be the {kind}: "
            + "; ".join(candidate.describe() for candidate in fitting),
            f"Say which with {option}.",
        )
    return best


def _fitting(candidates: Sequence[Candidate], partner: Candidate | None) -> list[Candidate]:
    """Keep the partner's tag if there is one, and reference tags before others."""
    kept = list(candidates)
    if partner is not None:
        same = [candidate for candidate in kept if candidate.tag == partner.tag]
        # `REF_energy` with a bare `forces` is common; with `gap_forces` it is a mixture.
        kept = same or [c for c in kept if not c.tag or not partner.tag]
    return [candidate for candidate in kept if candidate.is_reference] or kept


def _without_free_energies(candidates: Iterable[Candidate]) -> list[Candidate]:
    everything = list(candidates)
    plain = {candidate.tag for candidate in everything if not candidate.is_free_energy}
    return [c for c in everything if not (c.is_free_energy and c.tag in plain)]


def _agrees(best: Candidate, other: Candidate) -> bool:
    """Whether `other` says nothing that `best` does not say."""
    # In blocks, so that comparing needs no second copy of all forces.
    for start in range(0, len(best.values), _BLOCK):
        block = slice(start, start + _BLOCK)
        present = np.isfinite(other.values[block])
        values = best.values[block][present], other.values[block][present]
        if not np.allclose(*values, rtol=1e-6, atol=1e-5):
            return False
    return True
