"""Print what `forgetting.sh` measured: the errors of each method, as a Markdown table.

python cards/make/forgetting.py OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from hub.evaluation.metrics import ALL
from hub.structures import read_structures
from hub.structures.writing import write_labelled

_LOWEST = -12.0  # eV/atom
_ERRORS = ("energy_rmse", "force_rmse")


def main(out: Path) -> None:
    """Read the results of all runs."""
    results: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(out.glob("*/results.json")):
        results.setdefault(path.parent.name.rpartition("-")[0], []).append(
            json.loads(path.read_text(encoding="utf-8"))
        )
    print("| | seeds | nanotubes: meV/atom | eV/Å | amorphous: meV/atom | eV/Å | times the start |")
    print("|---|---|---|---|---|---|---|")
    start = next(each for some in results.values() for each in some if each["errors"]["before"])
    before = start["forgetting"]["before"]
    errors = [start["errors"]["before"][ALL][name] for name in _ERRORS]
    print(f"| start | | {_pair(errors)} | {_pair(before.values())} | |")
    for name, some in results.items():
        cells = [
            _spread([of(each)[error] for each in some], error)
            for of in (lambda each: each["errors"]["after"][ALL], _general)
            for error in _ERRORS
        ]
        ratios = [mean(_general(each)[error] / before[error] for each in some) for error in _ERRORS]
        times = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"| {name} | {len(some)} | {' | '.join(cells)} | {times} |")


def _general(result: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = result["forgetting"]["after"]
    return found


def _pair(errors: Any) -> str:
    energy, force = errors
    return f"{energy:.1f} | {force:.3f}"


def _spread(values: list[float], error: str) -> str:
    decimals = 1 if error == "energy_rmse" else 3
    spread = f" ± {stdev(values):.{decimals}f}" if len(values) > 1 else ""
    return f"{mean(values):.{decimals}f}{spread}"


def clean(source: Path, target: Path) -> None:
    """Copy structures without those below -12 eV/atom."""
    structures = read_structures(source).structures
    write_labelled(target, structures.select(structures.energies / structures.n_atoms > _LOWEST))


if __name__ == "__main__":
    if sys.argv[1] == "--clean":
        clean(*map(Path, sys.argv[2:]))
    else:
        main(Path(sys.argv[1]))
