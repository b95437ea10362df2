"""Choosing the entries of a file that are its stresses, and their convention.

A stress or virial belongs to the energy with the same tag, as forces do. Entries called stress are
in eV/Å^3 and positive under tension, as in ASE for all codes, and entries called virial are -V
times the stress, in eV, unless the user gives another convention.
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
DECLARED = "stress_convention"  # an entry of a file that gives its convention
_AGREE = 0.02  # of the largest: allowed difference of stress and virial of one calculation
_LOOKS_LIKE = {name: 1 / factor for name, factor in CONVENTIONS.items() if name != "ase"}


@dataclass(frozen=True)
class StressReading:
    """The user's settings for reading the stresses of a file.

    Attributes
    ----------
    key
        Entry of the stress or virial; found by its name if None, and none is read if ``none``.
    convention
        One of `hub.structures.stresses.CONVENTIONS`: ``ase`` (eV/Å^3, positive under tension),
        ``compression`` (the same, positive under compression), ``gpa`` (GPa, positive under
        tension), ``vasp`` (kB, positive under compression).
    """

    key: str | None = None
    convention: str = "ase"

    def choose(self, entries: Mapping[str, FloatArray], energy_key: str) -> dict[str, FloatArray]:
        """Return the entries, by name, that belong to an energy.

        Raises
        ------
        DataError
            If the named entry does not exist.
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
                    f"several entries could be the {kind}, but they differ: {', '.join(names)}",
                    f"Choose one with --stress-key, e.g. --stress-key {names[0]}.",
                )
            chosen |= {name: entries[name] for name in names[:1]}
        return chosen

    def factor(self, name: str) -> float:
        """Return the factor from an entry to our convention of stress or virial."""
        factor = CONVENTIONS[self.convention]
        return float(np.sign(factor)) if kind_of(name) == "virial" else factor

    def in_file(self, name: str, declared: object) -> float:
        """Return the factor for an entry of a frame that declares its own convention.

        It converts the entry to the convention of this reading, like all others.

        Raises
        ------
        DataError
            If the convention is unknown.
        """
        if declared is None:
            return 1.0
        if declared not in CONVENTIONS:
            raise DataError(
                f"unknown {DECLARED} {declared!r}",
                f"Change it to one of {', '.join(CONVENTIONS)}, or remove it.",
            )
        return StressReading(convention=str(declared)).factor(name) / self.factor(name)

    def stresses(
        self, chosen: Mapping[str, FloatArray], structures: StructureSet
    ) -> tuple[FloatArray, list[str]]:
        """Return (S, 3, 3) stresses in eV/Å^3, NaN where there are none, and notes.

        Parameters
        ----------
        chosen
            (S, 3, 3) tensors of one or two entries as in the files.
        structures
            Structures that they belong to.

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
    """Remove stresses that are not meaningful."""
    given = np.isfinite(stresses).all(axis=(1, 2))
    if not stresses[given].any():
        return np.full_like(stresses, np.nan), [f"{name} is zero everywhere: not used as a label"]
    kept = of_bulk(
        stresses, structures.positions, structures.cells, structures.pbc, structures.pointers
    )
    left_out = int(given.sum() - np.isfinite(kept).all(axis=(1, 2)).sum())
    notes = [f"stresses of {left_out} structures are ignored: vacuum, no cell, or all zeros"]
    return kept, notes if left_out else []


def _require_agreement(one: tuple[str, FloatArray], other: tuple[str, FloatArray]) -> None:
    """Compare the stress with that of the virial if a file has both."""
    (name, stresses), (virial, of_virials) = one, other
    both = np.isfinite(stresses) & np.isfinite(of_virials)
    mine, theirs = stresses[both], of_virials[both]
    if not _same(mine, theirs):
        alike = [each for each, unit in _LOOKS_LIKE.items() if _same(mine, unit * theirs)]
        said = f"{name} and {virial} contradict each other"
        if alike:
            raise DataError(
                f"{said}: according to the virial, {name} has the convention {alike[0]}",
                f"Use --stress-convention {alike[0]}, or choose one of the two with --stress-key.",
            )
        raise DataError(
            f"{said}: {name} is up to {_in_gpa(mine)} GPa, {virial} corresponds to up to "
            f"{_in_gpa(theirs)} GPa",
            "Choose the right one with --stress-key, and give its sign and unit with "
            "--stress-convention if they differ; --stress-key none ignores both.",
        )


def _same(one: FloatArray, other: FloatArray) -> bool:
    both = np.isfinite(one) & np.isfinite(other)
    if not both.any():
        return True
    return bool(np.abs(one - other)[both].max() <= _AGREE * np.abs(other[both]).max())


def _in_gpa(stresses: FloatArray) -> str:
    return f"{EV_PER_A3_IN_GPA * np.abs(stresses).max():.3g}"
