"""A test set for many trainings, held out once for all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.fingerprints import fingerprints
from hub.structures.reference_energies import isolated_atoms

if TYPE_CHECKING:
    from hub.structures import StructureSet

_FRACTION = 0.2
_MOST = 500
_SEED = 0
_DECIMALS = 8  # of positions in an extxyz file, in Å


def hold_out(structures: StructureSet) -> StructureSet:
    """Return the structures to judge by: those labelled ``test``, or else a fifth, drawn at random.

    The draw is always the same. Isolated atoms, and structures labelled for training or validation,
    stay out of it; so do those few that the rounding of a file makes unrecognisable, for they could
    be trained on too.
    """
    labels = structures.split_labels
    if (labels == "test").any():
        return structures.select(labels == "test")
    rounded = replace(structures, positions=np.round(structures.positions, _DECIMALS))
    known = np.array(fingerprints(rounded)) == np.array(fingerprints(structures))
    free = np.flatnonzero((labels == "") & known & ~isolated_atoms(structures))
    count = min(max(round(_FRACTION * len(free)), 1), _MOST)
    drawn = np.random.default_rng(_SEED).permutation(free)[:count]
    return structures.select(np.sort(drawn))
