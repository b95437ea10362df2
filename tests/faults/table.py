"""The table of a run, and how each failure is reproduced."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.faults.verdict import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.runner import Outcome


def table(outcomes: Sequence[Outcome], *, every_place: bool = False) -> str:
    """Return a row for each kind of fault, at all places together or at each, and one for all."""
    injected: Counter[str] = Counter()
    failed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        kind, place, fault = outcome.label.split(": ")
        row = f"{kind}: {place}: {fault}" if every_place else f"{kind}: {fault}"
        injected[row] += outcome.injected
        # One fault counts once in a column, however often it shows.
        failed[row].update({column for column, _ in outcome.failures})
    rows = [
        [label, str(injected[label]), *(str(failed[label][column]) for column in COLUMNS)]
        for label in sorted(injected)
    ]
    total = [sum(int(row[column]) for row in rows) for column in range(1, len(COLUMNS) + 2)]
    lines = [["FAULT", "injected", *COLUMNS], *rows, ["ALL", *map(str, total)]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )


def failures_text(outcomes: Sequence[Outcome], seed: int) -> str:
    """Return a paragraph for each fault that led to a failure."""
    return "\n".join(
        f"{outcome.label}\n  python -m tests.faults --seed {seed} --only {outcome.number}\n"
        + "\n".join(f"  {column}: {text.strip()[-600:]}" for column, text in outcome.failures)
        for outcome in outcomes
        if outcome.failures
    )
