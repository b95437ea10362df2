"""Write the figures of the paper that `hub learning-curve --paper` shows.

``python cards/make/paper_figures.py RESULTS [OUT]`` reads the authors' tables of all their runs,
``results/*.csv`` of github.com/jla-gardner/nnp-pre-training, and writes ``hub/studies/paper.json``.
Which runs and which statistic a table of the paper shows is as in the authors' notebooks.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

COMMIT = "88436bc1ad477d4ea502581993148da2149ec5c8"
SOURCE = (
    "J. L. A. Gardner, K. T. Baker, V. L. Deringer, Mach. Learn.: Sci. Technol. 5, 015003 (2024), "
    "doi:10.1088/2632-2153/ad1626; computed from results/*.csv of "
    f"github.com/jla-gardner/nnp-pre-training at {COMMIT}"
)
OUT = Path(__file__).parents[2] / "hub" / "studies" / "paper.json"
SYNTHETIC = "C-SYNTH-23M:reasonable"
SIZES = ("25", "50", "100", "200", "400", "800", "1600", "3200")
ENERGY, FORCE = "per_atom_energy_rmse", "force_rmse"


class Results:
    """The rows of all runs."""

    def __init__(self, folder: Path) -> None:
        self.tables = {
            name: list(csv.DictReader((folder / f"{name}.csv").open(encoding="utf-8")))
            for name in ("direct_training", "fine_tuning", "alchemical_train")
        }

    def find(self, table: str, **wanted: str) -> list[dict[str, str]]:
        """Return the runs whose settings have these values."""
        return [
            row
            for row in self.tables[table]
            if all(row.get(f"config|{name}", row.get(name)) == wanted[name] for name in wanted)
        ]

    def direct(self, quantity: str, **wanted: str) -> dict[str, list[float]]:
        """Return the test errors of trainings from scratch by number of structures."""
        return by_size(self.find("direct_training", **wanted), "n_train", quantity)

    def tuned(self, quantity: str, parent: str, **wanted: str) -> dict[str, list[float]]:
        """Return the test errors after fine-tuning the best epoch of a pre-training."""
        rows = self.find("fine_tuning", pretrain_id=parent, checkpoint="best", **wanted)
        return by_size(rows, "n_finetune", quantity)


def by_size(rows: list[dict[str, str]], size: str, quantity: str) -> dict[str, list[float]]:
    """Return the errors of each number of structures in the paper: meV/atom or eV/Å, rounded."""
    found = defaultdict(list)
    for row in rows:
        value = float(row[f"result|test|{quantity}"])
        found[row[f"config|{size}"]].append(
            round(1000 * value, 3) if quantity == ENERGY else round(value, 5)
        )
    return {size: found[size] for size in SIZES if size in found}


def carbon(results: Results) -> list[dict]:
    """Return Table 1 and Figures 2 and 3."""
    data = {"finetune_dataset": "C-GAP-17", "finetune_labels": "dft"}
    by_teacher = {
        row["config|labels"]: row["id"]
        for row in results.find("direct_training", dataset_name=SYNTHETIC, n_train="10000")
    }
    by_number = {
        row["config|n_train"]: row["id"]
        for row in results.find(
            "direct_training", dataset_name=SYNTHETIC, labels="ace", num_layers="4"
        )
    }
    tables = []
    for quantity in (ENERGY, FORCE):
        direct = results.direct(quantity, dataset_name="C-GAP-17", labels="dft")
        sources = {
            name: results.tuned(quantity, by_teacher[name], **data)
            for name in ("edip", "lcbop", "gap20", "ace")
        }
        numbers = {
            f"ace {int(number):,}": results.tuned(quantity, by_number[number], seed="42", **data)
            for number in sorted(by_number, key=int)
        }
        columns = {"direct": direct, **sources}
        about = "carbon (C-GAP-17), pre-trained on 10,000 structures with labels of each teacher"
        if quantity == ENERGY:
            tables.append(table("Table 1", about, "C", quantity, "mean", columns))
        about_numbers = "carbon (C-GAP-17), pre-trained on each number of structures, ACE labels"
        columns_2 = {"direct": direct, **numbers}
        tables.append(table("Figure 2", about_numbers, "C", quantity, "lowest", columns_2))
        tables.append(table("Figure 3", about, "C", quantity, "lowest", columns))
    return tables


def silicon(results: Results) -> dict:
    """Return Figure 5."""
    data = {"finetune_dataset": "Si-GAP-18", "finetune_labels": "dft", "r_max": "4.0"}
    columns = {"direct": results.direct(FORCE, dataset_name="Si-GAP-18", labels="dft", r_max="4.0")}
    for name, cutoff in (("unscaled", "6"), ("scaled", "4")):
        wanted = {"dataset_name": SYNTHETIC, "labels": "ace", "scale_factor": "1.5"}
        parents = results.find("alchemical_train", r_max=cutoff, **wanted)
        for row in sorted(parents, key=lambda row: int(row["config|n_train"])):
            number = int(row["config|n_train"])
            columns[f"{name} {number:,}"] = results.tuned(FORCE, row["id"], **data)
    about = "silicon (Si-GAP-18), pre-trained on carbon transmuted to silicon"
    return table("Figure 5", about, "Si", FORCE, "lowest", columns)


def table(name, about, element, quantity, statistic, columns) -> dict:
    """Return the figures of one table or figure."""
    return {
        "name": name,
        "about": about,
        "element": element,
        "quantity": "energy_rmse" if quantity == ENERGY else "force_rmse",
        "statistic": statistic,
        "columns": columns,
    }


def main() -> None:
    """Write the file."""
    results, out = Results(Path(sys.argv[1])), Path(*sys.argv[2:3] or [OUT])
    tables = [*carbon(results), silicon(results)]
    tables.sort(key=lambda each: (each["name"].startswith("Figure"), each["name"]))
    rows = ",\n".join(json.dumps(each, ensure_ascii=False) for each in tables)
    source = json.dumps(SOURCE, ensure_ascii=False)
    out.write_text(f'{{"source": {source},\n"tables": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
