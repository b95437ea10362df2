"""The table and the plot of a ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.evaluation.metrics import ALL
from hub.pictures import picture
from registry.outputs import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.studies.ranking import Ranking, Row

TABLE_NAME, PLOT_NAME = "ranking.md", "ranking.png"
_HOW = {
    "model": "as it is",
    "teacher": "as it is",
    "scratch": "trained, cross-validated",
    "alchemical": "transferred, cross-validated",
    "finetuned": "fine-tuned shortly, cross-validated",
}
_ROW_HEIGHT = 0.35  # inches


def rank_table(rows: Sequence[Row], group: str = ALL) -> tuple[list[str], list[list[str]]]:
    """Return a header and a row for each model, with its errors on a group of structures."""
    stressed = any(_value(row, group, "stress_rmse") is not None for row in rows)
    header = ["MODEL", "HOW", "ENERGY RMSE (meV/atom)", "FORCE RMSE (eV/Å)"]
    header += ["STRESS RMSE (GPa)"] if stressed else []
    header += ["ms/ATOM", "TRAINABLE", "LICENCE", "LEVEL OF THEORY"]
    return header, [_cells(row, group, stressed=stressed) for row in rows]


def group_tables(ranking: Ranking) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Return the table for all structures, then that for each configuration type."""
    groups = dict.fromkeys(name for row in ranking.rows for name in row.errors)
    return {name: rank_table(ranking.rows, name) for name in groups}


def failures(rows: Sequence[Row]) -> list[str]:
    """Return a line for each model that failed, with its reason."""
    return [f"{row.name} failed: {row.failure}" for row in rows if row.failure]


def _cells(row: Row, group: str, *, stressed: bool) -> list[str]:
    if row.failure:
        absent = ["-"] * (4 + stressed)
        return [row.name, "failed", *absent, row.licence or "-", "-"]
    numbers = [
        _number(_value(row, group, "energy_rmse"), 1),
        _number(_value(row, group, "force_rmse"), 3),
        *([_number(_value(row, group, "stress_rmse"), 2)] if stressed else []),
        _number(row.ms_per_atom, 2),
    ]
    how = _HOW[row.kind] + (f", {row.n_failed} failed" if row.n_failed else "")
    facts = ["yes" if row.is_trainable else "no", row.licence or "-", row.level_of_theory or "-"]
    return [row.name, how, *numbers, *facts]


def _value(row: Row, group: str, name: str) -> float | None:
    value: Any = row.errors.get(group, {}).get(name)
    return None if value is None else float(value)


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def write_table(path: Path, ranking: Ranking) -> None:
    """Write the ranking for a document: tables for all structures and by type, and the advice.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    lines = [f"Errors on {ranking.n_structures} structures, excluding the test set.", ""]
    for name, (header, rows) in group_tables(ranking).items():
        lines += [f"## {name}", "", *_markdown(header, rows), ""]
    for line in failures(ranking.rows):
        lines += [f"{line}.", ""]
    lines += [f"Recommended: {ranking.advice.reason}.", "", "```bash"]
    lines += [*ranking.advice.commands, "```", ""]
    write_file(path, "\n".join(lines).encode())


def _markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    every = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in every]


def rank_plot(path: Path, ranking: Ranking) -> None:
    """Draw the errors of energies and forces as bars, as a PNG; training from scratch is a line.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    rows = [row for row in reversed(ranking.rows) if not row.failure]
    panels = {"energy_rmse": "energy RMSE (meV/atom)", "force_rmse": "force RMSE (eV/Å)"}
    with picture(path, (9.0, 1.2 + _ROW_HEIGHT * len(rows))) as figure:
        axes = figure.subplots(1, len(panels), sharey=True)
        for each, (quantity, label) in zip(axes, panels.items(), strict=True):
            values = [_value(row, ALL, quantity) or 0.0 for row in rows]
            colors = ["tab:orange" if row.kind == "scratch" else "tab:blue" for row in rows]
            each.barh([row.title for row in rows], values, color=colors)
            own = [v for row, v in zip(rows, values, strict=True) if row.kind == "scratch"]
            each.axvline(own[0], color="tab:orange", linewidth=1, linestyle="--")
            each.set_xlabel(label)
