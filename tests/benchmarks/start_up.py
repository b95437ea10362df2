"""Time `hub --help` and `hub list` beside an import of Click, which parses their arguments.

    python -m tests.benchmarks start-up [--repeats 40]

CPU seconds of whole processes, in turns, with empty settings: the least and the median of each, and
the ratio of the medians to that of the first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from statistics import median

from tests.benchmarks.timing import children_cpu_seconds, times_in_turns
from tests.benchmarks.two_checkouts import HERE

PROGRAMS = {
    "import click": ("-c", "import click"),
    "hub --help": ("-m", "hub.cli.main", "--help"),
    "hub list": ("-m", "hub.cli.main", "list"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HUB_HOME": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # whoever installs hub has its byte code
        calls = {name: partial(_run, each, environment) for name, each in PROGRAMS.items()}
        times = times_in_turns(calls, repeats, children_cpu_seconds)
    base = median(times["import click"])
    for name, each in times.items():
        middle = median(each)
        print(
            f"{name:12}  least {min(each):.3f} s, median {middle:.3f} s ({middle / base:.2f}x)",
            flush=True,
        )


def _run(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, *arguments], cwd=HERE, env=environment, check=True, capture_output=True
    )


if __name__ == "__main__":
    main()
