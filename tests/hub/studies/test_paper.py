"""The paper's errors beside those of a learning curve."""

from __future__ import annotations

import subprocess
import sys
from math import nan
from pathlib import Path

import pytest

from hub.evaluation.metrics import Errors
from hub.studies.curve import Point
from hub.studies.paper import beside_paper, paper_source, paper_tables, write_beside

ROOT = Path(__file__).parents[3]


def point(start: str, size: int, seed: int, energy: float, force: float) -> Point:
    errors = Errors(20, energy, energy, force, force)
    return Point(start, size, seed, errors, None, 20, 5, 1.0)


POINTS = [
    point("mine", 10, 0, 100.0, 1.0),
    point("mine", 10, 1, 120.0, 0.8),
    point("mine", 25, 0, 50.0, 0.7),
    point("scratch", 25, 0, nan, 1.3),
]


def test_the_figures_are_those_of_the_paper():
    tables = {(each.name, each.quantity): each for each in paper_tables()}
    assert list(tables) == [
        ("Table 1", "energy_rmse"),
        ("Figure 2", "energy_rmse"),
        ("Figure 2", "force_rmse"),
        ("Figure 3", "energy_rmse"),
        ("Figure 3", "force_rmse"),
        ("Figure 5", "force_rmse"),
    ]
    assert "10.1088/2632-2153/ad1626" in paper_source()
    # As the authors' notebooks print them.
    carbon = beside_paper([point("mine", size, 0, 1.0, 1.0) for size in (25, 3200)], ["C"])
    shown = {row[0]: dict(zip(carbon[0].header, row, strict=True)) for row in carbon[0].rows}
    expected = {
        "25": ("192.3 ± 21.2", "136.4 ± 5.8", "129.9 ± 3.9", "73.1 ± 3.6", "70.3 ± 2.8"),
        "3200": ("51.0 ± 6.2", "88.2 ± 72.3", "48.2 ± 0.9", "45.9 ± 0.5", "45.4 ± 0.4"),
    }
    for size, values in expected.items():
        columns = ("direct", "edip", "lcbop", "gap20", "ace")
        assert tuple(shown[size][name] for name in columns) == values
    few = tables["Figure 2", "force_rmse"].columns
    assert round(min(few["direct"]["50"]), 6) == pytest.approx(1.138545, abs=1e-5)
    assert few["ace 10,000"]["25"] == [pytest.approx(0.856994, abs=1e-5)]
    (silicon,) = beside_paper([point("mine", 100, 0, 1.0, 0.2)], ["Si"])
    assert silicon.rows[0][:2] == ["100", "0.184"]


def test_ours_are_beside_them_for_the_sizes_that_were_run():
    energies, *_, forces = beside_paper(POINTS, ("C",))
    assert energies.header[-2:] == forces.header[-2:] == ["mine", "scratch"]
    assert [row[0] for row in energies.rows] == ["10", "25"]
    assert energies.rows[0] == ["10", "-", "-", "-", "-", "-", "110.0 ± 14.1", "-"]
    assert energies.rows[1][-2:] == ["50.0", "-"]
    assert "mean ± standard deviation" in energies.title
    assert forces.title.endswith("force RMSE in eV/Å, lowest of the seeds")
    assert [row[-2:] for row in forces.rows] == [["0.800", "-"], ["0.700", "1.300"]]


def test_other_elements_have_nothing_to_be_beside():
    assert beside_paper(POINTS, ("C", "H")) == []
    assert beside_paper(POINTS, ("Cu",)) == []


def test_the_tables_are_written(tmp_path):
    write_beside(tmp_path, beside_paper(POINTS, ("C",)))
    text = (tmp_path / "paper.md").read_text(encoding="utf-8")
    assert "## Table 1: carbon" in text
    assert "| 25 | 192.3 ± 21.2 |" in text


def test_the_shipped_figures_are_computed_from_the_authors_results(shared, tmp_path):
    results = shared / "upstream" / "nnp-pre-training" / "results"
    script, out = ROOT / "cards" / "make" / "paper_figures.py", tmp_path / "paper.json"
    subprocess.run([sys.executable, script, results, out], check=True)
    assert out.read_bytes() == (ROOT / "hub" / "studies" / "paper.json").read_bytes()
