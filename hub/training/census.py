"""What has to be known of all training structures before the first step, in one pass over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.structures.arrays import chosen_indices
from hub.structures.reference_energies import fit_to_composition, isolated_atoms

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hub.datasets.streaming import Stream
    from hub.structures.arrays import BoolArray, FloatArray, IntArray
    from hub.structures.reference_energies import ReferenceEnergies


@dataclass(frozen=True, eq=False)
class Census:
    """Facts about S labelled structures.

    Attributes
    ----------
    symbols
        (E,) chemical symbols, sorted.
    composition
        (S, E) atoms of each element.
    alone
        (S,) whether it is an isolated atom.
    energies
        (S,) in eV; NaN where absent.
    largest_forces
        (S,) largest component in eV/Å; NaN where one is absent.
    squared_forces
        (S, 2) sum of the squares of the force labels, (eV/Å)^2, and their number.
    has_stress
        (S,) whether there is a stress label.
    """

    symbols: tuple[str, ...]
    composition: IntArray
    alone: BoolArray
    energies: FloatArray
    largest_forces: FloatArray
    squared_forces: FloatArray
    has_stress: BoolArray

    @property
    def force_scale(self) -> float:
        """Root mean square of the force labels, in eV/Å."""
        total, count = self.squared_forces.sum(axis=0).tolist()
        return float(np.sqrt(total / count))

    def reference_energies(self) -> ReferenceEnergies:
        """Fit the energy of each element that occurs; raises as `fit_reference_energies` does."""
        present = self.composition.any(axis=0)
        symbols = tuple(np.array(self.symbols)[present].tolist())
        return fit_to_composition(symbols, self.composition[:, present], self.energies, self.alone)

    def select(self, indices: npt.ArrayLike) -> Census:
        """Return the facts about some structures."""
        chosen = chosen_indices(indices, len(self.energies))
        arrays = {name: value for name, value in vars(self).items() if name != "symbols"}
        return Census(self.symbols, **{name: value[chosen] for name, value in arrays.items()})


def take_census(
    stream: Stream, progress: Callable[[int, int | None], None] | None = None
) -> Census:
    """Read all structures of a stream once; `progress` is called with how many are done.

    Raises
    ------
    IntegrityError
        If a shard is missing or damaged.
    """
    symbols = stream.elements
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    parts: dict[str, list[Any]] = {}
    done = 0
    for piece in stream.pieces():
        composition = np.zeros((len(piece), len(symbols)), np.int64)
        composition[:, [columns[symbol] for symbol in piece.elements]] = piece.composition
        squares = np.square(piece.force_labels)
        counts = np.isfinite(squares).sum(axis=1)
        facts = {
            "composition": composition,
            "alone": isolated_atoms(piece),
            "energies": piece.energies,
            "largest_forces": piece.per_structure(np.maximum, np.abs(piece.forces).max(axis=1)),
            "squared_forces": np.stack(
                [
                    piece.per_structure(np.add, np.nansum(squares, axis=1)),
                    piece.per_structure(np.add, counts.astype(np.float64)),
                ],
                axis=1,
            ),
            "has_stress": np.isfinite(piece.stresses).all(axis=(1, 2)),
        }
        for name, values in facts.items():
            parts.setdefault(name, []).append(values)
        done += len(piece)
        if progress is not None:
            progress(done, len(stream))
    return Census(symbols, **{name: np.concatenate(values) for name, values in parts.items()})
