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

    from hub.structures.arrays import FloatArray

_SIZE = 2.6  # inches
_DOTS_PER_INCH = 110
_VIEW = "-75x,-12y,2z"  # from the side and a little above
_RADIUS = 0.6  # of a disc, in covalent radii
_FEW, _LENGTH = 20, 7.0  # a cell of fewer atoms is repeated along vectors shorter than this (Å)
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

    turn = rotate(_VIEW)
    places = atoms.positions @ turn
    radii = _RADIUS * covalent_radii[atoms.numbers]
    order = np.argsort(places[:, 2], kind="stable")  # the nearest is drawn last
    discs = [Circle((places[each, 0], places[each, 1]), radii[each]) for each in order]
    edges = _edges(cell) @ turn
    axes.add_collection(LineCollection(list(edges[:, :, :2]), colors="0.6", linewidths=0.8))
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
