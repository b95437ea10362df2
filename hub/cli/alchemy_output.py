"""How a search for scales is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.alchemy.search import Search

_ROWS = 13  # around the chosen one, at most


def print_search(search: Search, line: Callable[[str], None]) -> None:
    """Print what was tried as a table, and what to think of it, line by line."""
    if len(search.trials) > 1:
        chosen = search.trials.index(search.chosen)
        start = max(0, min(chosen - _ROWS // 2, len(search.trials) - _ROWS))
        line("before any training (energies in meV/atom, forces in eV/Å; MAE):")
        line("  length scale  energy scale  energies  forces  correlation  unexplained")
        for trial in search.trials[start : start + _ROWS]:
            line(
                f"{'*' if trial is search.chosen else ' '} {trial.transmutation.scale:12.3f}"
                f"{trial.transmutation.energy_scale:14.3f}{trial.energy_mae:10.1f}"
                f"{trial.force_mae:8.3f}{trial.agreement:13.2f}{trial.unexplained:13.3f}"
            )
    line(
        f"neighbours per atom: {search.neighbours:.1f} within the old cutoff, "
        f"{search.chosen.neighbours:.1f} within the scaled one"
    )
    for warning in search.warnings:
        line(f"warning: {warning}")
