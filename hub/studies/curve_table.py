"""Tables of a learning curve: for a terminal, for a document, and for other programs."""

from __future__ import annotations

import math
from itertools import groupby
from statistics import mean
from typing import TYPE_CHECKING, Any

from hub.studies.csv_file import write_csv
from registry.outputs import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hub.studies.curve import Point

_NUMBERS = ("energy_rmse", "energy_mae", "force_rmse", "force_mae", "stress_rmse", "stress_mae")


def curve_table(points: Sequence[Point]) -> tuple[list[str], list[list[str]]]:
    """Return a header, and a row for each number of structures and start.

    Errors are means over the seeds, followed by those of each seed in parentheses.
    """
    header = ["STRUCTURES", "START", "ENERGY RMSE (meV/atom)", "FORCE RMSE (eV/Å)"]
    rows = [
        [
            str(size),
            start,
            _errors((point.errors.energy_rmse for point in group), 1),
            _errors((point.errors.force_rmse for point in group), 3),
        ]
        for (size, start), group in grouped(points)
    ]
    return header, rows


def grouped(points: Sequence[Point]) -> list[tuple[tuple[int, str], list[Point]]]:
    """Group the points, which differ in their seeds, by number of structures and start."""
    groups = groupby(points, key=lambda point: (point.size, point.start))
    return [(key, list(group)) for key, group in groups]


def write_tables(folder: Path, points: Sequence[Point]) -> None:
    """Write ``learning_curve.md`` and ``learning_curve.csv``.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    write_file(folder / "learning_curve.md", _markdown(points).encode())
    write_csv(folder / "learning_curve.csv", [point_row(point) for point in points])


def point_row(point: Point) -> dict[str, Any]:
    """Return a point as names and values; missing errors are None."""
    after, before = point.errors.to_dict(), point.before.to_dict() if point.before else {}
    return {
        "start": point.start,
        "structures": point.size,
        "seed": point.seed,
        **{name: after[name] for name in _NUMBERS},
        **{f"{name}_before": before.get(name) for name in _NUMBERS},
        "test_structures": point.n_test,
        "epochs": point.epochs,
        "seconds": point.seconds,
    }


def _markdown(points: Sequence[Point]) -> str:
    seeds = sorted({point.seed for point in points})
    each = f"mean over seeds {', '.join(map(str, seeds))}, with each in parentheses"
    over = each if len(seeds) > 1 else f"seed {seeds[0]}"
    _, rows = curve_table(points)
    lines = [
        f"Root-mean-square errors on {points[0].n_test} test structures, {over}.",
        "",
        "| structures | start | energy, meV/atom | forces, eV/Å |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _errors(values: Iterable[float], decimals: int) -> str:
    each = list(values)
    if any(math.isnan(value) for value in each):
        return "-"
    if len(each) == 1:
        return f"{each[0]:.{decimals}f}"
    return f"{mean(each):.{decimals}f} ({', '.join(f'{value:.{decimals}f}' for value in each)})"
