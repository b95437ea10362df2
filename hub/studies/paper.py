"""Errors of the paper beside those of a learning curve.

``paper.json`` holds the test errors of the paper's runs; ``cards/make/paper_figures.py`` writes it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from hub.library import TEST_PREDICTIONS
from hub.structures.reading import read_structures
from registry.outputs import write_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hub.studies.curve import Point

FILE_NAME = "paper.md"

_FIGURES = Path(__file__).with_name("paper.json")
_QUANTITIES = {
    "energy_rmse": ("energy RMSE in meV/atom", 1),
    "force_rmse": ("force RMSE in eV/Å", 3),
}
_STATISTICS = {
    "mean": "mean ± standard deviation of the seeds",
    "lowest": "lowest of the seeds",
}


@dataclass(frozen=True)
class PaperTable:
    """A table or figure of the paper.

    Attributes
    ----------
    name, about
        Such as ``Table 1``, and what it shows.
    element
        Of the data.
    quantity
        ``energy_rmse`` in meV/atom or ``force_rmse`` in eV/Å.
    statistic
        Of the seeds: ``mean`` or ``lowest``.
    columns
        The errors of each seed, by number of training structures, by column.
    """

    name: str
    about: str
    element: str
    quantity: str
    statistic: str
    columns: Mapping[str, Mapping[str, Sequence[float]]]

    @property
    def title(self) -> str:
        """What is compared."""
        quantity = _QUANTITIES[self.quantity][0]
        return f"{self.name}: {self.about}; {quantity}, {_STATISTICS[self.statistic]}"


@dataclass(frozen=True)
class Beside:
    """A table of the paper with columns of a learning curve.

    Attributes
    ----------
    title
        What is compared.
    header, rows
        As texts: the number of training structures, the paper's columns, ours.
    """

    title: str
    header: list[str]
    rows: list[list[str]]


def paper_source() -> str:
    """Return where the figures come from."""
    return str(_content()["source"])


def paper_tables() -> list[PaperTable]:
    """Return the tables and figures of the paper."""
    return [PaperTable(**each) for each in _content()["tables"]]


def beside_paper(points: Sequence[Point], elements: Collection[str]) -> list[Beside]:
    """Put the errors of a learning curve beside those of the paper.

    The data differ, and so do the test sets: compare how the errors fall.

    Parameters
    ----------
    points
        Of the learning curve.
    elements
        Of its data.

    Returns
    -------
    One table for each of the paper's on the same element, with a row for each number of structures
    in the curve; empty for data of other elements.
    """
    return [_beside(each, points) for each in paper_tables() if set(elements) == {each.element}]


def data_elements(folder: Path) -> tuple[str, ...]:
    """Return the elements of the test set of a learning curve, from a run folder in it."""
    runs = folder.glob(f"*/*-structures/seed-*/{TEST_PREDICTIONS}")
    return read_structures([next(runs)]).structures.elements


def write_beside(folder: Path, tables: Sequence[Beside]) -> None:
    """Write ``paper.md``.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    lines = ["Errors of the paper beside those of this learning curve.", "", paper_source()]
    for each in tables:
        header = [each.header, ["---"] * len(each.header)]
        lines += ["", f"## {each.title}", ""]
        lines += [f"| {' | '.join(row)} |" for row in [*header, *each.rows]]
    write_file(folder / FILE_NAME, ("\n".join(lines) + "\n").encode())


def _beside(paper: PaperTable, points: Sequence[Point]) -> Beside:
    starts = list(dict.fromkeys(point.start for point in points))
    sizes = sorted({point.size for point in points})

    def ours(start: str, size: int) -> list[float]:
        return [
            getattr(point.errors, paper.quantity)
            for point in points
            if (point.start, point.size) == (start, size)
        ]

    rows = [
        [
            str(size),
            *(_shown(errors.get(str(size), ()), paper) for errors in paper.columns.values()),
            *(_shown(ours(start, size), paper) for start in starts),
        ]
        for size in sizes
    ]
    return Beside(paper.title, ["STRUCTURES", *paper.columns, *starts], rows)


def _shown(errors: Sequence[float], paper: PaperTable) -> str:
    if not errors or any(map(math.isnan, errors)):
        return "-"
    decimals = _QUANTITIES[paper.quantity][1]
    if paper.statistic == "lowest":
        return f"{min(errors):.{decimals}f}"
    around = f" ± {stdev(errors):.{decimals}f}" if len(errors) > 1 else ""
    return f"{mean(errors):.{decimals}f}{around}"


def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_FIGURES.read_text(encoding="utf-8"))
    return content
