"""Compare what commands cost in this checkout and in another, run in turns.

    python -m tests.benchmarks two-checkouts OTHER --model NAME --data FILE --repeats 5

Prints the median CPU seconds of `hub --help`, `hub list`, an evaluation, and of the epochs of a
training, which leave the start of the process out; and the ratio of this checkout to the other.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.timing import children_cpu_seconds

HERE = Path(__file__).resolve().parents[2]
EPOCHS = 4


def cpu_seconds(checkout: Path, *arguments: object) -> float:
    """Run `hub` of a checkout and return the CPU seconds that it took."""
    before = children_cpu_seconds()
    output(checkout, *arguments)
    return children_cpu_seconds() - before


def output(checkout: Path, *arguments: object) -> str:
    """Run `hub` of a checkout and return what it printed as results."""
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli.main", *map(str, arguments)],
        cwd=checkout,  # `python -m` prefers what is there
        env={**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def fastest_epoch(checkout: Path, model: str, data: str | Path) -> float:
    """Train for some epochs and return the seconds of the fastest."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "run")
        options = ("--n-train", 25, "--max-epochs", EPOCHS, "--device", "cpu", "--out", out)
        cpu_seconds(checkout, "finetune", "--data", data, "--model", model, *options)
        with (out / "metrics.csv").open(encoding="utf-8") as file:
            return min(float(row["seconds"]) for row in csv.DictReader(file))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    data = Path(given.data).resolve() if Path(given.data).exists() else given.data
    evaluation = ("evaluate", given.model, "--data", data, "--device", "cpu")
    measured = {
        "hub --help": lambda place: cpu_seconds(place, "--help"),
        "hub list": lambda place: cpu_seconds(place, "list"),
        "evaluation": lambda place: cpu_seconds(place, *evaluation),
        "epoch": lambda place: fastest_epoch(place, given.model, data),
    }
    for name, measure in measured.items():
        times: dict[Path, list[float]] = {given.other.resolve(): [], HERE: []}
        for _ in range(given.repeats):
            for place, found in times.items():
                found.append(measure(place))
        other, here = (median(found) for found in times.values())
        print(f"{name:12} {other:8.3f} s {here:8.3f} s  {here / other:.3f}", flush=True)


if __name__ == "__main__":
    main()
