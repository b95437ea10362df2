"""Environments of two sets in one plane, by UMAP."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from hub.errors import DataError
from registry.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from hub.evaluation.overlap import Overlap

_NEIGHBOURS = 30


def plot_overlap(path: Path, overlap: Overlap, names: tuple[str, str]) -> None:
    """Embed the environments of the source, and of the target unscaled and scaled, as a PNG.

    UMAP: McInnes, Healy, Melville, arXiv:1802.03426.

    Parameters
    ----------
    path
        The file to write, whole or not at all.
    overlap
        What was measured.
    names
        Of source and target.

    Raises
    ------
    DataError
        If umap-learn is not installed.
    StorageError
        If the disk is full or cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    try:
        from umap import UMAP
    except ImportError:
        raise DataError(
            "the picture is made by UMAP, which is not installed",
            "Install it: pip install 'mlip-hub[overlap]'; the numbers do without --plot.",
        ) from None
    sets = (overlap.source, overlap.unscaled, overlap.scaled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one seed means one thread
        plane = UMAP(n_neighbors=_NEIGHBOURS, random_state=0).fit_transform(
            np.concatenate([each.vectors for each in sets])
        )
    source, *targets = np.split(plane, np.cumsum([len(each.vectors) for each in sets])[:-1])
    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    shares = (overlap.share_unscaled, overlap.share_scaled)
    titles = ("as it is", f"lengths / {overlap.scale:.3f}")
    panels = zip(
        figure.subplots(1, 2, sharex=True, sharey=True), targets, shares, titles, strict=True
    )
    for axes, target, share, title in panels:
        axes.scatter(*source.T, s=3, color="0.7", linewidths=0, label=names[0])
        axes.scatter(*target.T, s=3, color="tab:blue", linewidths=0, label=names[1])
        axes.set(xticks=[], yticks=[], title=f"{title}: {share:.1%} inside")
    axes.legend(frameon=False, markerscale=3)
    with replacing(path, path.parent) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
