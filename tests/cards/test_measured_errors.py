"""The script that writes the authors' numbers into the cards."""

import csv
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cards.conftest import CARDS

Cards = dict[str, dict[str, Any]]


def run_script(cards: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, cards / "measured_errors.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied_cards(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CARDS, tmp_path / "cards"))


def test_cards_hold_what_the_script_writes(upstream: Path) -> None:
    result = run_script(CARDS, upstream, "--check")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("force_rmse_eV_per_A: 0.842", "force_rmse_eV_per_A: 0.742"),
        ("| 25 | 1 | 61.1 |", "| 25 | 1 | 51.1 |"),
        ("  sha256: 9", "  sha256: 8"),
        ("  size: 349002", "  size: 349003"),
    ],
)
def test_a_changed_number_is_found_and_mended(
    copied_cards: Path, upstream: Path, old: str, new: str
) -> None:
    path = copied_cards / "models" / "c-ace-pretrained.md"
    right = path.read_text(encoding="utf-8")
    assert right.count(old) == 1
    path.write_text(right.replace(old, new), encoding="utf-8")

    checked = run_script(copied_cards, upstream, "--check")
    assert (checked.returncode, checked.stdout) == (1, "c-ace-pretrained.md: differs\n")
    written = run_script(copied_cards, upstream)
    assert (written.returncode, written.stdout) == (0, "c-ace-pretrained.md: written\n")
    assert path.read_text(encoding="utf-8") == right


def test_tables_are_read_from_where_upstream_keeps_them(
    copied_cards: Path, upstream: Path, tmp_path: Path
) -> None:
    checkout = tmp_path / "nnp-pre-training"
    shutil.copytree(upstream / "models", checkout / "models")
    for experiment in ("direct_training", "fine_tuning"):
        folder = checkout / "results" / experiment / "version-1"
        folder.mkdir(parents=True)
        shutil.copy(upstream / "results" / f"{experiment}.csv", folder / "observations.csv")
    assert run_script(copied_cards, checkout, "--check").returncode == 0


def test_numbers_follow_from_the_tables(cards: Cards, upstream: Path) -> None:
    """By another way than the script's: whole tables grouped by what the card says."""
    with (upstream / "results" / "fine_tuning.csv").open(newline="") as file:
        fine_tuning = list(csv.DictReader(file))
    for card in cards.values():
        errors = card["measured_errors"]
        runs = [
            run
            for run in fine_tuning
            if run["config|pretrain_id"] == errors["pretraining"]["run"]
            and run["config|checkpoint"] == "best"
            and run["config|finetune_dataset"] == "C-GAP-17"
        ]
        for row in errors["fine_tuned"]["errors"]:
            at_n = [run for run in runs if int(run["config|n_finetune"]) == row["n_train"]]
            forces = [float(run["result|test|force_rmse"]) for run in at_n]
            energies = [float(run["result|test|per_atom_energy_rmse"]) for run in at_n]
            assert row["runs"] == len(at_n) == len({run["config|seed"] for run in at_n})
            assert row["force_rmse_eV_per_A"] == pytest.approx(statistics.mean(forces), abs=6e-4)
            assert row["energy_rmse_meV_per_atom"] == pytest.approx(
                1000 * statistics.mean(energies), abs=0.06
            )


def test_pretraining_runs_are_those_of_the_cards(cards: Cards, upstream: Path) -> None:
    with (upstream / "results" / "direct_training.csv").open(newline="") as file:
        runs = {run["id"]: run for run in csv.DictReader(file)}
    for card in cards.values():
        measured = card["measured_errors"]["pretraining"]
        run = runs[measured["run"]]
        assert run["config|dataset_name"] == "C-SYNTH-23M:reasonable"
        assert run["config|labels"] == card["teacher"]["upstream_name"]
        assert int(run["config|n_train"]) == card["pretraining"]["n_structures"]
        assert int(run["result|num_params"]) == card["model"]["parameters"]["upstream"]
        [row] = measured["errors"]
        assert row["force_rmse_eV_per_A"] == pytest.approx(
            float(run["result|test|force_rmse"]), abs=6e-4
        )


def test_every_from_scratch_row_is_the_mean_of_five_runs(cards: Cards) -> None:
    for card in cards.values():
        assert {row["runs"] for row in card["measured_errors"]["from_scratch"]["errors"]} == {5}
