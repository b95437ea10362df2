"""Choosing the entries of a file that are its energies and forces.

A label's name is a *word* and a *tag* before or after it: ``REF_energy``, ``energy_ref`` and
``ref-energies`` are the word energy with the tag ``ref``; a bare ``energy`` has no tag. ``E`` and
``F`` are words too. The rules, in order:

1. A key named by the user is used, with the forces (or energy, stress, virial) of its tag.
2. Energies and forces belong together if they have the same tag. An energy without forces of its
   own may also be paired with forces that have no tag, or vice versa, unless those have a partner
   of their own with different values.
3. The tag ``REF`` (or ``reference``) takes precedence over all others: training codes use it for
   the label. No other tag does, not even ``DFT``, which may be the label or a value for comparison.
4. If several pairs remain, they must have the same values; otherwise an error lists them.

Energies of parts or differences (``kinetic_energy``, ``formation_energy``, ...), per-atom energies
and energies of single atoms are not total energies and are used only if named. If a code gives
several energies of one calculation, ``energy`` (for VASP: extrapolated to zero smearing) is used,
not ``free_energy`` or ``energy_sigma0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hub.errors import DataError
from hub.structures.label_names import parse_name, tag_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.structures.arrays import FloatArray

_BLOCK = 100_000
_REFERENCE_TAGS = {"ref", "reference"}


@dataclass(frozen=True)
class Candidate:
    """One entry of the files that may be the wanted label, with its values.

    Attributes
    ----------
    kind
        ``energy`` or ``forces``.
    name
        As in the file.
    values
        (S,) in eV or (A, 3) in eV/Å; NaN where missing.
    """

    kind: str
    name: str
    values: FloatArray

    @property
    def tag(self) -> str:
        """The part before or after the word, in lower case; empty for a bare word."""
        return tag_of(self.kind, self.name)

    @property
    def is_variant(self) -> bool:
        """Whether the name is a free energy, or another variant of the same calculation."""
        parsed = parse_name(self.kind, self.name)
        return bool(parsed and parsed.is_variant)

    @property
    def is_reference(self) -> bool:
        """Whether the tag says that this is the label."""
        return bool(set(self.tag.split("_")) & _REFERENCE_TAGS)

    def describe(self) -> str:
        """Write the name, how many values there are, and their range."""
        finite = self.values[np.isfinite(self.values)]
        if not len(finite):
            return f"{self.name} (no numbers)"
        unit = "structures" if self.values.ndim == 1 else "components"
        return f"{self.name} ({len(finite)} {unit}, {finite.min():.6g} to {finite.max():.6g})"


class Pair(NamedTuple):
    """An energy and its forces; None where there is none.

    It is `borrowed` if one of the two has a partner of its own with different values.
    """

    energy: Candidate | None
    forces: Candidate | None
    borrowed: bool = False

    @property
    def present(self) -> list[Candidate]:
        """The labels that are not None."""
        return [each for each in (self.energy, self.forces) if each is not None]

    @property
    def is_reference(self) -> bool:
        """Whether a tag says that these are the labels."""
        return not self.borrowed and any(each.is_reference for each in self.present)

    @property
    def is_of_one_tag(self) -> bool:
        """Whether the names say that both come from one calculation."""
        return len(self.present) == 2 and len({each.tag for each in self.present}) == 1

    def describe(self) -> str:
        """Write both names with their statistics."""
        return " with ".join(each.describe() for each in self.present)


def choose_labels(
    candidates: Mapping[str, Sequence[Candidate]],
    named: Mapping[str, str | None],
    found_keys: str,
    *,
    require: bool,
) -> Pair:
    """Choose the energy and forces by the rules of this module.

    Parameters
    ----------
    candidates
        By kind: ``energy`` and ``forces``.
    named
        By kind, the key named by the user, if any.
    found_keys
        Keys found in the files, for messages.
    require
        Whether both must be present.

    Raises
    ------
    DataError
        If no candidate fits, or several do and differ.
    """
    left = {
        kind: _named(candidates[kind], kind, named[kind], found_keys)
        for kind in ("energy", "forces")
    }
    for kind, those in left.items():
        if not those and require:
            raise DataError(
                f"no {kind} found in the files; found: {found_keys}",
                f"Name the right entry with --{kind}-key, or add {kind} to the files.",
            )
    if all(named.values()):
        return Pair(left["energy"][0], left["forces"][0])
    pairs = _pairs(left["energy"], left["forces"], candidates)
    if any(named.values()):
        pairs = [pair for pair in pairs if not pair.borrowed]
    if not pairs:
        if any(left.values()):
            raise _no_pair(left)
        return Pair(None, None)
    pairs = [pair for pair in pairs if pair.is_reference] or pairs
    best = max(pairs, key=lambda pair: (_count(pair), pair.is_of_one_tag))
    if not all(_agree(best, other) for other in pairs if other is not best):
        raise _ambiguous(pairs)
    return best


def _named(
    candidates: Sequence[Candidate], kind: str, name: str | None, found_keys: str
) -> list[Candidate]:
    """Return the candidate named by the user, or all except variants of others."""
    if name is None:
        plain = {candidate.tag for candidate in candidates if not candidate.is_variant}
        return [c for c in candidates if not (c.is_variant and c.tag in plain)]
    chosen = [candidate for candidate in candidates if candidate.name == name]
    if not chosen:
        raise DataError(
            f"no structure has {kind} under the key {name!r}; found: {found_keys}",
            f"Give one of these to --{kind}-key.",
        )
    return chosen


def _pairs(
    energies: Sequence[Candidate],
    forces: Sequence[Candidate],
    everything: Mapping[str, Sequence[Candidate]],
) -> list[Pair]:
    """Return all pairs that the names allow."""
    if not energies or not forces:
        return [Pair(each, None) for each in energies] or [Pair(None, each) for each in forces]
    tags = {kind: {each.tag for each in those} for kind, those in everything.items()}
    pairs = []
    for energy in energies:
        for force in forces:
            # `REF_energy` with a bare `forces` is common; with `gap_forces` it is a mixture.
            lent = (not force.tag and energy.tag not in tags["forces"]) or (
                not energy.tag and force.tag not in tags["energy"]
            )
            if energy.tag == force.tag or lent:
                borrowed = energy.tag != force.tag and _has_another(energy, force, everything)
                pairs.append(Pair(energy, force, borrowed))
    return pairs


def _has_another(
    energy: Candidate, force: Candidate, everything: Mapping[str, Sequence[Candidate]]
) -> bool:
    """Whether the label without a tag has a partner of its own with different values."""
    asked = energy if energy.tag else force
    partners = (each for each in everything[asked.kind] if not each.tag and not each.is_variant)
    return any(not _same(partner, asked) for partner in partners)


def _no_pair(left: Mapping[str, Sequence[Candidate]]) -> DataError:
    one, other = ("energy", "forces") if len(left["energy"]) == 1 else ("forces", "energy")
    names = ", ".join(each.name for each in left[one])
    return DataError(
        f"the labels {names} have no matching {other}; found: "
        + "; ".join(each.describe() for each in left[other]),
        f"Name both entries with --energy-key and --forces-key (--{other}-key is missing).",
    )


def _ambiguous(pairs: Sequence[Pair]) -> DataError:
    kind = "energy" if len({pair.energy.name for pair in pairs if pair.energy}) > 1 else "forces"
    examples = [each.name for each in (getattr(pair, kind) for pair in pairs) if each]
    return DataError(
        "several entries could be the labels, but they differ: "
        + "; or ".join(pair.describe() for pair in pairs),
        f"Choose the label with --{kind}-key, e.g. --{kind}-key {examples[0]}.",
    )


def _count(pair: Pair) -> int:
    return sum(int(np.isfinite(each.values).sum()) for each in pair.present)


def _agree(best: Pair, other: Pair) -> bool:
    """Whether `other` has the same values as `best` where it has any."""
    return all(
        one is two or _same(one, two) for one, two in zip(best.present, other.present, strict=True)
    )


def _same(best: Candidate, other: Candidate) -> bool:
    # In blocks, so that comparing needs no second copy of all forces.
    for start in range(0, len(best.values), _BLOCK):
        block = slice(start, start + _BLOCK)
        present = np.isfinite(other.values[block])
        values = best.values[block][present], other.values[block][present]
        if not np.allclose(*values, rtol=1e-6, atol=1e-5):
            return False
    return True
