"""A check for structures that somebody finds odd."""

import numpy as np

from hub.structures.checks import Check, Finding


def find(seen):
    """Find odd numbers of atoms, and bonds that are long."""
    odd = np.flatnonzero(seen.structures.n_atoms % 2)
    far = np.flatnonzero(np.isfinite(seen.neighbours.shortest) & (seen.neighbours.shortest > 2))
    return [
        Finding(severity, code, f"{len(found)} structures are {code}", found.tolist(), "Mend them.")
        for severity, code, found in (("error", "odd-atoms", odd), ("warning", "far-apart", far))
        if len(found)
    ]


CHECK = Check(find, errors=("odd-atoms",))
