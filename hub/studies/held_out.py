"""A common test set for many trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.structures.reference_energies import isolated_atoms

if TYPE_CHECKING:
    from hub.structures import StructureSet

_FRACTION = 0.2
_MOST = 500
_SEED = 0


def hold_out(structures: StructureSet) -> StructureSet:
    """Return the test structures: those labelled ``test``, or else a random fifth.

    The draw is always the same. Isolated atoms, and structures labelled for training or validation,
    are excluded. `hub.structures.identity` recognises the drawn structures among the data, however
    a file rounds their numbers.
    """
    labels = structures.split_labels
    if (labels == "test").any():
        return structures.select(labels == "test")
    free = np.flatnonzero((labels == "") & ~isolated_atoms(structures))
    count = min(max(round(_FRACTION * len(free)), 1), _MOST)
    drawn = np.random.default_rng(_SEED).permutation(free)[:count]
    return structures.select(np.sort(drawn))
