"""``python -m tests.faults --count 10000``: a table of what faults lead to."""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults.cases import all_cases
from tests.faults.runner import Outcome, case_of, run
from tests.faults.table import failures_text, table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many faults")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--kind", default="", help="only faults whose row holds this text")
    parser.add_argument("--only", type=int, metavar="ID", help="one fault, with all that happened")
    parser.add_argument("--full", action="store_true", help="a row for each place")
    chosen = parser.parse_args()
    cases, began = all_cases(), time.monotonic()
    if chosen.only is not None:
        numbers = [chosen.only]
    else:
        numbers = [n for n in range(chosen.count) if chosen.kind in case_of(n, cases).label]
    outcomes = run(numbers, chosen.seed, tell=_tell)
    if chosen.only is not None:
        print("\n".join(outcomes[0].story) or "nothing failed")
    print(table(outcomes, every_place=chosen.full))
    print(f"{len(outcomes)} in {time.monotonic() - began:.0f} s")
    print(failures_text(outcomes, chosen.seed))
    sys.exit(any(outcome.failures for outcome in outcomes))


def _tell(outcome: Outcome) -> None:
    if outcome.number % 500 == 0:
        print(f"{outcome.number}: {outcome.label}", file=sys.stderr)


if __name__ == "__main__":
    main()
