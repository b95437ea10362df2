"""A search for scales as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.alchemy.search import Search

_ROWS = 13  # around the chosen one, at most


def search_lines(search: Search) -> Iterator[str]:
    """Yield a table of the trials, and the warnings."""
    if len(search.trials) > 1:
        chosen = search.trials.index(search.chosen)
        start = max(0, min(chosen - _ROWS // 2, len(search.trials) - _ROWS))
        yield "before any training (energies in meV/atom, forces in eV/Å; MAE):"
        yield "  length scale  energy scale  energies  forces  correlation  unexplained"
        for trial in search.trials[start : start + _ROWS]:
            yield (
                f"{'*' if trial is search.chosen else ' '} {trial.transmutation.scale:12.3f}"
                f"{trial.transmutation.energy_scale:14.3f}{trial.energy_mae:10.1f}"
                f"{trial.force_mae:8.3f}{trial.agreement:13.2f}{trial.unexplained:13.3f}"
            )
    yield (
        f"neighbours per atom: {search.neighbours:.1f} within the old cutoff, "
        f"{search.chosen.neighbours:.1f} within the scaled one"
    )
    for warning in search.warnings:
        yield f"warning: {warning}"
