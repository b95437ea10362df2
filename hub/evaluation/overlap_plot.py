"""UMAP map of the environments of two sets."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.evaluation.overlap import inside
from hub.pictures import picture

if TYPE_CHECKING:
    from pathlib import Path

    from hub.evaluation.overlap import Overlap

_NEIGHBOURS = 30


def plot_overlap(path: Path, overlap: Overlap) -> None:
    """Plot the environments of the source and, among them, those of the target, as a PNG.

    UMAP (McInnes, Healy, Melville, arXiv:1802.03426) is fitted to the source; the target's
    environments are projected, and coloured by whether they are inside the source's region.

    Parameters
    ----------
    path
        The file to write, whole or not at all.
    overlap
        The measured overlap.

    Raises
    ------
    DataError
        If umap-learn is not installed.
    StorageError
        If the disk is full or cannot be written.
    """
    try:
        from umap import UMAP
    except ImportError:
        raise DataError(
            "the plot needs UMAP, which is not installed",
            "Install it: pip install 'mlip-hub[overlap]', or leave out --plot.",
        ) from None
    source, target_name = overlap.names
    targets = (overlap.unscaled, overlap.scaled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about running in one thread because of the seed
        umap = UMAP(n_neighbors=min(_NEIGHBOURS, len(overlap.source.vectors) - 1), random_state=0)
        known = umap.fit_transform(overlap.source.vectors)
        placed = [umap.transform(each.vectors) for each in targets]
    with picture(path, (8.4, 4.2)) as figure:
        titles = ("as it is", f"lengths / {overlap.scale:.3f}")
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, target, points, title in zip(panels, targets, placed, titles, strict=True):
            within = inside(overlap.source, target, overlap.reach)
            for chosen, colour, size, label in (
                (known, "0.8", 3, source),
                (points[within], "tab:blue", 5, f"{target_name}, inside"),
                (points[~within], "tab:red", 5, f"{target_name}, outside"),
            ):
                axes.scatter(*chosen.T, s=size, color=colour, linewidths=0, label=label)
            axes.set(xticks=[], yticks=[], title=f"{title}: {within.mean():.1%} inside")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, markerscale=3)
