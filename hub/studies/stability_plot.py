"""Plot of energy, smallest distance and coordination over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hub.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.studies.stability import Stability

_PANEL = (3.6, 3.4)  # inches
_POINTS = 80  # of a line; each summarises an equal share of the samples
_PANELS: dict[str, tuple[str, Callable[[np.ndarray], float]]] = {
    "energy": ("total energy since the start (meV/atom)", np.mean),
    "smallest_distance": ("smallest distance (Å)", np.min),
    "coordination": ("coordination", np.mean),
}


def stability_plot(path: Path, found: Sequence[tuple[str, Stability]]) -> None:
    """Plot total energy, smallest distance and coordination over time, as a PNG.

    Lines connect means, or minima, over short times if there are many samples. A cross marks where
    dynamics ended early.

    Parameters
    ----------
    path
        The file to write, whole or not at all.
    found
        Name and result of each model.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    with picture(path, (len(_PANELS) * _PANEL[0], _PANEL[1])) as figure:
        panels = figure.subplots(1, len(_PANELS))
        for axes, (quantity, (label, summary)) in zip(panels, _PANELS.items(), strict=True):
            for number, (name, stability) in enumerate(found):
                times, values = stability.of("time"), stability.of(quantity)
                if quantity == "energy":
                    values = 1000 * (values - values[0])
                parts = np.array_split(np.arange(len(times)), min(len(times), _POINTS))
                axes.plot(
                    [times[part].mean() for part in parts],
                    [summary(values[part]) for part in parts],
                    color=f"C{number}",
                    lw=1.2,
                    label=name,
                )
                if stability.failure:
                    axes.plot(times[-1:], values[-1:], "x", color=f"C{number}", ms=8, mew=2)
            axes.set(xlabel="time (ps)", ylabel=label)
            axes.grid(color="0.92", linewidth=0.6)
        panels[0].legend(frameon=False, fontsize="small")
