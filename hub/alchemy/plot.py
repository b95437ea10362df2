"""A plot of the search for scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.pictures import picture

if TYPE_CHECKING:
    from pathlib import Path

    from hub.alchemy.search import Search


def plot_search(path: Path, search: Search) -> None:
    """Plot the unexplained part and the energy scale of each length scale as a PNG.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    with picture(path, (8.4, 3.6)) as figure:
        left, right = figure.subplots(1, 2, sharex=True)
        scales = [trial.transmutation.scale for trial in search.trials]
        chosen = search.chosen.transmutation
        left.plot(scales, [trial.unexplained for trial in search.trials], "o-", label="unexplained")
        left.plot(
            scales,
            [trial.agreement for trial in search.trials],
            "s--",
            color="tab:green",
            label="correlation of forces",
        )
        right.plot(scales, [trial.transmutation.energy_scale for trial in search.trials], "o-")
        for axes in (left, right):
            axes.axvline(chosen.scale, color="0.6", linewidth=1, zorder=0)
            axes.set_xlabel("length scale s")
        left.legend(frameon=False)
        left.set(ylabel="part of the labels", title="before any training")
        right.set(
            ylabel="energy scale ε",
            title=f"chosen: s = {chosen.scale:.3f}, ε = {chosen.energy_scale:.3f}",
        )
