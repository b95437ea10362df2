"""One structure as a mapping, and several as a batch of torch tensors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt


class Row(dict[str, Any]):
    """One structure: numbers, texts and numpy arrays by the names of a dataset's columns.

    ``torch.utils.data.DataLoader`` joins several by `join_rows`, whatever their sizes.

    Attributes
    ----------
    per_atom
        The keys whose values have a row for each atom.
    """

    def __init__(self, values: Mapping[str, Any], per_atom: Iterable[str]) -> None:
        super().__init__(values)
        self.per_atom = frozenset(per_atom)


def row_of(
    index: int,
    atoms: slice,
    by_structure: Mapping[str, npt.NDArray[Any]],
    by_atom: Mapping[str, npt.NDArray[Any]],
) -> Row:
    """Return the structure at an index, with copies of its numbers."""
    _teach_torch()
    values: dict[str, Any] = {name: array[atoms].copy() for name, array in by_atom.items()}
    for name, array in by_structure.items():
        values[name] = array[index].item() if array.ndim == 1 else array[index].copy()
    return Row(values, by_atom)


def join_rows(rows: Sequence[Row], **_: Any) -> dict[str, Any]:
    """Join B structures with N atoms in all.

    Returns
    -------
    Tensors with N rows for what is of atoms, tensors with B rows (or lists of B texts) for what is
    of structures, and ``pointers``, (B + 1,): structure i owns atoms ``pointers[i]`` to before
    ``pointers[i + 1]``.
    """
    import torch
    from torch.utils.data import default_collate

    joined: dict[str, Any] = {
        name: torch.from_numpy(np.concatenate([row[name] for row in rows]))
        if name in rows[0].per_atom
        else default_collate([row[name] for row in rows])
        for name in rows[0]
    }
    sizes = [len(row["numbers"]) for row in rows]
    return {**joined, "pointers": torch.from_numpy(np.cumsum([0, *sizes]))}


def _teach_torch() -> None:
    """Tell torch's `default_collate` about rows, in whatever process uses it."""
    collate = sys.modules.get("torch.utils.data._utils.collate")
    if collate is not None:
        # The way that its documentation gives for types of one's own.
        collate.default_collate_fn_map.setdefault(Row, join_rows)
