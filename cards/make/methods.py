"""Compare methods of fine-tuning and rules when to stop, on structures outside the test sets.

    python cards/make/methods.py OUT DATA [--size 25] [--seeds 3] [--only NAME ...]

DATA is a folder with ``carbon-dft-amorphous-train.extxyz``, ``carbon-dft-defects-train.extxyz``,
``carbon-dft-nanotubes-train.extxyz`` and ``mlearn_Si_training.extxyz``. A part of each training
file is held out to compare on, so that the reported test sets decide nothing. OUT gets a run
folder for each training, and ``results.jsonl`` with a line for each; what is there is not repeated.
``python cards/make/methods.py OUT DATA --table`` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

import hub
from hub.evaluation.metrics import ALL
from hub.structures import read_structures
from hub.structures.writing import write_labelled


@dataclass(frozen=True)
class System:
    """Structures to fine-tune on.

    Attributes
    ----------
    file
        The training file.
    held_out
        Number of its structures to compare on.
    elsewhere
        A file of other structures of the start's elements, never trained on.
    settings
        Of `hub.finetune`.
    """

    file: str
    held_out: int
    elsewhere: str
    settings: dict[str, Any]


SYSTEMS = {
    "amorphous": System(
        "carbon-dft-amorphous-train.extxyz", 100, "carbon-dft-defects-train.extxyz", {}
    ),
    "silicon": System("mlearn_Si_training.extxyz", 60, "", {"alchemical": "auto"}),
    "nanotubes": System(
        "carbon-dft-nanotubes-train.extxyz", 40, "carbon-dft-amorphous-train.extxyz", {}
    ),
}
CHOICES: dict[str, dict[str, Any]] = {
    "early": {"stop": "early"},
    "last": {"stop": "last"},
    "all": {"stop": "all"},
    "k-fold": {"stop": "k-fold"},
    "readout": {"stop": "last", "method": "readout"},
    "freeze": {"stop": "last", "method": "freeze"},
    "lora": {"stop": "last", "method": "lora"},
    "l2-sp": {"stop": "last", "method": "l2-sp"},
    "all, freeze": {"stop": "all", "method": "freeze"},
    "replay": {"stop": "last", "method": "replay"},
    "scratch": {"from_scratch": True},
    "ceiling": {"stop": "last"},  # with all structures
}
TITLES = {
    "scratch": "from scratch",
    "early": "full, `--stop early`",
    "last": "full, `--stop last`",
    "all": "full, `--stop all`",
    "k-fold": "full, `--stop k-fold`",
    "freeze": "freeze, `--stop last`",
    "all, freeze": "freeze, `--stop all`",
    "lora": "lora, `--stop last`",
    "l2-sp": "l2-sp, `--stop last`",
    "readout": "readout, `--stop last`",
    "replay": "replay, `--stop last`",
    "ceiling": "full, `--stop last`, all structures",
}
_ELSEWHERE = 40  # structures


def main() -> None:
    """Run what is missing, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--size", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(CHOICES))
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        print(tables(given.out))
        return
    given.out.mkdir(parents=True, exist_ok=True)
    for seed in range(given.seeds):
        for choice in given.only:
            for name in given.systems:
                run(given.out, given.data, name, choice, given.size, seed)


def run(out: Path, data: Path, name: str, choice: str, size: int, seed: int) -> None:
    """Train once, unless that is done, and add a line to the results."""
    key = {"system": name, "choice": choice, "size": size, "seed": seed}
    if any(all(row[each] == key[each] for each in key) for row in rows(out)):
        return
    system = SYSTEMS[name]
    pool, compared, elsewhere = _files(out, data, name)
    folder = out / f"{name}-{choice}-{size}-{seed}"
    settings = {**system.settings, **CHOICES[choice]}
    if choice == "scratch":
        settings.pop("alchemical", None)
    began = time.process_time()
    if (folder / "run.json").exists():
        _, results = hub.finetune(out=folder, resume=True)
    else:
        n_train = None if choice == "ceiling" else size
        _, results = hub.finetune(
            pool, test=compared, out=folder, n_train=n_train, seed=seed, device="cpu", **settings
        )
    errors = results["errors"]
    line = key | {
        "seconds": round(time.process_time() - began, 1),
        "before": _pair(errors["before"]),
        "after": _pair(errors["after"]),
        "epochs": results["training"]["best_epoch"],
        "elsewhere": _elsewhere(folder, elsewhere),
    }
    with (out / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), file=sys.stderr, flush=True)


def _files(out: Path, data: Path, name: str) -> tuple[Path, Path, Path | None]:
    """Divide a training file into the pool to draw from and the structures to compare on."""
    system = SYSTEMS[name]
    pool, compared = out / f"{name}-pool.extxyz", out / f"{name}-compared.extxyz"
    if not compared.exists():
        structures = read_structures(data / system.file).structures
        # Three nanotubes are 4.2 eV/atom lower than the others and c-ace-pretrained-10k say.
        structures = structures.select(structures.energies / structures.n_atoms > -12.0)
        order = np.random.default_rng(0).permutation(len(structures))
        write_labelled(pool, structures.select(np.sort(order[system.held_out :])))
        write_labelled(compared, structures.select(np.sort(order[: system.held_out])))
    if not system.elsewhere:
        return pool, compared, None
    elsewhere = out / f"{name}-elsewhere.extxyz"
    if not elsewhere.exists():
        structures = read_structures(data / system.elsewhere).structures
        order = np.random.default_rng(0).permutation(len(structures))
        write_labelled(elsewhere, structures.select(np.sort(order[:_ELSEWHERE])))
    return pool, compared, elsewhere


def _elsewhere(folder: Path, file: Path | None) -> list[float] | None:
    if file is None:
        return None
    (found,) = hub.evaluate(folder, file, dtype="float32", device="cpu")
    errors = (found.shifted_errors or found.errors)[ALL]
    return [errors.energy_rmse, errors.force_rmse]


def _pair(errors: dict[str, Any] | None) -> list[float] | None:
    return errors and [errors[ALL]["energy_rmse"], errors[ALL]["force_rmse"]]


def rows(out: Path) -> list[dict[str, Any]]:
    """Return the lines of the results."""
    path = out / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def tables(out: Path) -> str:
    """Return a table for each system and number of structures, as Markdown."""
    found = rows(out)
    texts = []
    for name in SYSTEMS:
        own = [row for row in found if row["system"] == name]
        ceiling = [row for row in own if row["choice"] == "ceiling"]
        for size in sorted({row["size"] for row in own}):
            some = [row for row in own if row["size"] == size and row["choice"] != "ceiling"]
            if some:
                texts.append(f"{name}, {size} structures\n\n{_table(some, ceiling)}")
    return "\n\n".join(texts)


def _table(some: list[dict[str, Any]], ceiling: list[dict[str, Any]]) -> str:
    """Return a table of trainings on as many structures, and of those on all structures."""
    scratch = [row for row in some if row["choice"] == "scratch"]
    columns = ["", "seeds", "energy, meV/atom", "forces, eV/Å"]
    has_way, has_elsewhere = bool(scratch and ceiling), bool(some[0]["elsewhere"])
    columns += ["of the way"] * has_way + ["forces elsewhere, eV/Å"] * has_elsewhere + ["CPU s"]
    lines = [columns, ["---"] * len(columns)]
    for choice, title in TITLES.items():
        own = [row for row in (*some, *ceiling) if row["choice"] == choice]
        own.sort(key=lambda row: row["seed"])
        if not own:
            continue
        cells = [title, ", ".join(str(row["seed"]) for row in own), _cell(own, 0, 1)]
        cells.append(_cell(own, 1, 3))
        if has_way:
            cells.append(", ".join(_share(own, scratch, ceiling, place) for place in (0, 1)))
        if has_elsewhere:
            cells.append(f"{mean(row['elsewhere'][1] for row in own):.3f}")
        lines.append([*cells, f"{mean(row['seconds'] for row in own):.0f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(own: list[dict[str, Any]], place: int, digits: int) -> str:
    """Return the mean of an error, and what it is of."""
    values = [row["after"][place] for row in own]
    each = f" ({', '.join(f'{value:.{digits}f}' for value in values)})" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{each}"


def _share(
    own: list[dict[str, Any]],
    scratch: list[dict[str, Any]],
    ceiling: list[dict[str, Any]],
    place: int,
) -> str:
    """Return how much of the way from scratch to the ceiling is covered."""
    here, start, end = (mean(row["after"][place] for row in of) for of in (own, scratch, ceiling))
    return f"{100 * (start - here) / (start - end):.0f} %"


if __name__ == "__main__":
    main()
