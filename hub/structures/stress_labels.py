"""Which entries of a file are its stresses, and what they mean.

A stress or virial belongs to the energy with the same tag, as forces do. Entries called stress are
in eV/Å^3 and positive under tension, as ASE gives them whatever code computed them, and entries
called virial are -V times the stress, in eV, unless a person says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError
from hub.structures.label_names import all_of_same_tag
from hub.structures.stresses import CONVENTIONS, EV_PER_A3_IN_GPA, of_bulk, stress_of_virial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet

NONE = "none"
DECLARED = "stress_convention"  # an entry of a file that says which it has
_AGREE = 0.02  # of the largest: by how much stress and virial of one calculation may differ
_LOOKS_LIKE = {name: 1 / factor for name, factor in CONVENTIONS.items() if name != "ase"}


@dataclass(frozen=True)
class StressReading:
    """What a person says of the stresses in a file.

    Attributes
    ----------
    key
        The entry, a stress or virial; found by its name if None, and none is read if ``none``.
    convention
        One of `hub.structures.stresses.CONVENTIONS`: ``ase`` (eV/Å^3, positive under tension),
        ``compression`` (the same, positive under compression), ``gpa`` (GPa, positive under
        tension), ``vasp`` (kB, positive under compression).
    """

    key: str | None = None
    convention: str = "ase"

    def choose(self, entries: Mapping[str, FloatArray], energy_key: str) -> dict[str, FloatArray]:
        """Return the entries, by name, that go with an energy.

        Raises
        ------
        DataError
            If there is no entry that is named.
        """
        if self.key == NONE:
            return {}
        if self.key is not None:
            if self.key not in entries:
                raise DataError(
                    f"no structure has a stress under the key {self.key!r}; found: "
                    + (", ".join(entries) or "none"),
                    "Give one of these to --stress-key, or none.",
                )
            return {self.key: entries[self.key]}
        chosen: dict[str, FloatArray] = {}
        for kind in ("stress", "virial"):
            names = all_of_same_tag(kind, entries, energy_key) if energy_key else []
            if any(not _same(entries[names[0]], entries[name]) for name in names[1:]):
                raise DataError(
                    f"several entries could be the {kind}, and they differ: {', '.join(names)}",
                    f"Say which it is with --stress-key, such as --stress-key {names[0]}.",
                )
            chosen |= {name: entries[name] for name in names[:1]}
        return chosen

    def factor(self, name: str) -> float:
        """Return what an entry is multiplied by to be a stress or virial of ours."""
        factor = CONVENTIONS[self.convention]
        return float(np.sign(factor)) if kind_of(name) == "virial" else factor

    def in_file(self, name: str, declared: object) -> float:
        """Return what an entry of a frame is multiplied by, if the frame says its convention.

        It is then one of the convention that is asked for, as all others are.

        Raises
        ------
        DataError
            If nobody knows that convention.
        """
        if declared is None:
            return 1.0
        if declared not in CONVENTIONS:
            raise DataError(
                f"the entry {DECLARED} is {declared!r}",
                f"Make it one of {', '.join(CONVENTIONS)}, or remove it.",
            )
        return StressReading(convention=str(declared)).factor(name) / self.factor(name)

    def stresses(
        self, chosen: Mapping[str, FloatArray], structures: StructureSet
    ) -> tuple[FloatArray, list[str]]:
        """Return (S, 3, 3) stresses in eV/Å^3, NaN where there are none, and what to say of them.

        Parameters
        ----------
        chosen
            (S, 3, 3) tensors of one or two entries as they stand in the files.
        structures
            That they belong to.

        Raises
        ------
        DataError
            If a stress and a virial of one calculation contradict each other.
        """
        found: dict[str, FloatArray] = {}
        for name, tensors in chosen.items():
            tensors = self.factor(name) * tensors  # noqa: PLW2901 - in our own unit and sign
            is_virial = kind_of(name) == "virial"
            found[name] = stress_of_virial(tensors, structures.cells) if is_virial else tensors
        if len(found) == 2:
            bulk = structures.pbc.all(axis=1)
            _require_agreement(*((name, tensors[bulk]) for name, tensors in found.items()))
        stresses = np.full((len(structures), 3, 3), np.nan)
        for tensors in found.values():
            stresses = np.where(np.isnan(stresses), tensors, stresses)
        if not np.isfinite(stresses).any():
            return np.full_like(stresses, np.nan), []
        return _meaningful(stresses, structures, " and ".join(found))


def kind_of(name: str) -> str:
    """Return whether an entry is a ``stress`` or a ``virial``."""
    return "virial" if "virial" in name.lower() else "stress"


def _meaningful(
    stresses: FloatArray, structures: StructureSet, name: str
) -> tuple[FloatArray, list[str]]:
    """Leave out what says nothing."""
    given = np.isfinite(stresses).all(axis=(1, 2))
    if not stresses[given].any():
        return np.full_like(stresses, np.nan), [f"{name} is zero everywhere, and not a label"]
    kept = of_bulk(
        stresses, structures.positions, structures.cells, structures.pbc, structures.pointers
    )
    left_out = int(given.sum() - np.isfinite(kept).all(axis=(1, 2)).sum())
    notes = [f"{left_out} structures with vacuum, without a cell or with zeros have no stress"]
    return kept, notes if left_out else []


def _require_agreement(one: tuple[str, FloatArray], other: tuple[str, FloatArray]) -> None:
    """Compare the stress with that of the virial where a file has both."""
    (name, stresses), (virial, of_virials) = one, other
    both = np.isfinite(stresses) & np.isfinite(of_virials)
    mine, theirs = stresses[both], of_virials[both]
    if not _same(mine, theirs):
        alike = [each for each, unit in _LOOKS_LIKE.items() if _same(mine, unit * theirs)]
        said = f"{name} and {virial} contradict each other"
        if alike:
            raise DataError(
                f"{said}: by the virial, {name} is of the convention {alike[0]}",
                f"Say so with --stress-convention {alike[0]}, or name one with --stress-key.",
            )
        raise DataError(
            f"{said}: {name} is up to {_in_gpa(mine)} GPa, {virial} means up to "
            f"{_in_gpa(theirs)} GPa",
            "Name the right one with --stress-key and, if its sign or unit is another, say so "
            "with --stress-convention; --stress-key none leaves both out.",
        )


def _same(one: FloatArray, other: FloatArray) -> bool:
    both = np.isfinite(one) & np.isfinite(other)
    if not both.any():
        return True
    return bool(np.abs(one - other)[both].max() <= _AGREE * np.abs(other[both]).max())


def _in_gpa(stresses: FloatArray) -> str:
    return f"{EV_PER_A3_IN_GPA * np.abs(stresses).max():.3g}"
