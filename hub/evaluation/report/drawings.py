"""Pictures of structures: atoms as discs, coloured by the error of the force on them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hub.pictures import data_uri, new_figure

if TYPE_CHECKING:
    from ase import Atoms
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

    from hub.structures.arrays import FloatArray, IntArray

_SIZE = 2.6  # inches
_DOTS_PER_INCH = 110
_VIEW = "-75x,-12y,2z"  # of crystals: from the side and a little above
_RADIUS = 0.5  # of a disc, in covalent radii
_FEW, _LENGTH = 20, 7.0  # a cell of fewer atoms is repeated along vectors shorter than this (Å)
_BOND = 1.2  # longest, in sums of covalent radii
_MOST_BONDED = 1000  # atoms of a structure whose bonds are drawn
_MOST_SYMBOLS = 80  # atoms; more symbols would hide each other
_COLOURS = "YlOrRd"
_UNKNOWN = "0.8"  # grey, for atoms without a label


def structure_picture(atoms: Atoms, errors: FloatArray, largest: float) -> str:
    """Draw a structure in a fixed view, with its cell, as a data URI.

    Parameters
    ----------
    atoms
        n atoms; small periodic cells are repeated.
    errors
        (n,) errors that decide the colours; NaN where they are unknown.
    largest
        The error of the darkest colour.
    """
    figure = new_figure((_SIZE, _SIZE))
    shown, images = _repeated(atoms)
    colours = _colours(np.tile(errors, images), _scale(largest))
    _draw(figure.subplots(), shown, atoms.cell.array, colours)
    return data_uri(figure, _DOTS_PER_INCH)


def colour_bar(largest: float) -> str:
    """Draw the scale of the colours as a data URI."""
    from matplotlib.cm import ScalarMappable

    figure = new_figure((4.0, 0.6))
    scale = ScalarMappable(_scale(largest), _COLOURS)
    figure.colorbar(
        scale,
        cax=figure.subplots(),
        orientation="horizontal",
        label="error of the force on an atom (eV/Å)",
    )
    return data_uri(figure, _DOTS_PER_INCH)


def _scale(largest: float) -> Normalize:
    from matplotlib.colors import Normalize

    return Normalize(0.0, largest if largest > 0 else 1.0)


def _repeated(atoms: Atoms) -> tuple[Atoms, int]:
    """Return a small cell with its nearest images, and the number of copies."""
    lengths = atoms.cell.lengths()
    short = atoms.pbc & (lengths > 0) & (lengths < _LENGTH) & (len(atoms) < _FEW)
    counts = np.where(short, np.ceil(_LENGTH / np.where(short, lengths, 1.0)), 1).astype(int)
    return atoms.repeat(counts.tolist()), int(counts.prod())


def _colours(errors: FloatArray, scale: Normalize) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    rows = colormaps[_COLOURS](scale(np.nan_to_num(errors)))
    return [
        to_hex(row) if np.isfinite(error) else _UNKNOWN
        for row, error in zip(rows, errors, strict=True)
    ]


def _draw(axes: Axes, atoms: Atoms, cell: FloatArray, colours: list[str]) -> None:
    from ase.data import covalent_radii
    from ase.utils import rotate
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.patches import Circle

    turn = rotate(_VIEW) if atoms.pbc.any() else _along_axes(atoms.positions)
    places = atoms.positions @ turn
    radii = _RADIUS * covalent_radii[atoms.numbers]
    order = np.argsort(places[:, 2], kind="stable")  # the nearest is drawn last
    discs = [Circle((places[each, 0], places[each, 1]), radii[each]) for each in order]
    edges = _edges(cell) @ turn
    axes.add_collection(LineCollection(list(edges[:, :, :2]), colors="0.6", linewidths=0.8))
    bonds = places[_bonds(atoms)]
    axes.add_collection(LineCollection(list(bonds[:, :, :2]), colors="0.35", linewidths=1.4))
    axes.add_collection(
        PatchCollection(
            discs,
            facecolors=[colours[each] for each in order],
            edgecolors="0.25",
            linewidths=0.6,
            zorder=2,
        )
    )
    if len(set(atoms.numbers.tolist())) > 1 and len(atoms) <= _MOST_SYMBOLS:
        for place, symbol in zip(places, atoms.get_chemical_symbols(), strict=True):
            axes.text(place[0], place[1], symbol, ha="center", va="center", fontsize=6, zorder=3)
    ends = np.concatenate([places[:, :2], edges[:, :, :2].reshape(-1, 2)])
    margin = 1.0
    low, high = ends.min(axis=0) - margin, ends.max(axis=0) + margin
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_axis_off()


def _along_axes(positions: FloatArray) -> FloatArray:
    """Return the rotation that shows the two longest extents of a molecule."""
    turn: FloatArray = np.linalg.svd(positions - positions.mean(axis=0))[2].T
    return turn


def _bonds(atoms: Atoms) -> IntArray:
    """Return the pairs of atoms that are close to each other, (B, 2)."""
    from ase.data import covalent_radii

    if len(atoms) > _MOST_BONDED:
        return np.empty((0, 2), np.int64)
    first, second = np.triu_indices(len(atoms), 1)
    lengths = np.linalg.norm(atoms.positions[first] - atoms.positions[second], axis=1)
    radii = covalent_radii[atoms.numbers]
    close = lengths < _BOND * (radii[first] + radii[second])
    return np.column_stack([first[close], second[close]])


def _edges(cell: FloatArray) -> FloatArray:
    """Return the ends of the edges of a cell, (E, 2, 3) in Å; none without a cell."""
    if not cell.any():
        return np.empty((0, 2, 3))
    edges = []
    for axis in range(3):
        others = [each for each in range(3) if each != axis]
        for pair in product((0, 1), repeat=2):
            start = pair[0] * cell[others[0]] + pair[1] * cell[others[1]]
            edges.append([start, start + cell[axis]])
    return np.array(edges)
