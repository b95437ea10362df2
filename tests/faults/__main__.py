"""``python -m tests.faults --count 10000``: a table of what faults lead to."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial

from tests.faults.cases import all_cases, over_hub, over_objects
from tests.faults.runner import LONGEST, Outcome, case_of, run
from tests.faults.table import failures_text, table

ELSEWHERE = {
    "s3": partial(over_objects, "s3"),
    "az": partial(over_objects, "az"),
    "hf": over_hub,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many faults")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--kind", default="", help="only faults whose row holds this text")
    parser.add_argument("--only", type=int, metavar="ID", help="one fault, with all that happened")
    parser.add_argument("--store", choices=tuple(ELSEWHERE), help="faults to a store elsewhere")
    parser.add_argument("--longest", type=float, default=LONGEST, help="seconds until a hang")
    parser.add_argument("--full", action="store_true", help="a row for each place")
    chosen = parser.parse_args()
    cases = ELSEWHERE[chosen.store]() if chosen.store else all_cases()
    began = time.monotonic()
    if chosen.only is not None:
        numbers = [chosen.only]
    else:
        asked = range(chosen.first, chosen.first + chosen.count)
        numbers = [n for n in asked if chosen.kind in case_of(n, cases).label]
    tell = partial(_tell, seed=chosen.seed)
    outcomes = run(numbers, chosen.seed, tell=tell, cases=cases, longest=chosen.longest)
    if chosen.only is not None:
        print("\n".join(outcomes[0].story) or "nothing failed")
    print(table(outcomes, every_place=chosen.full))
    print(f"{len(outcomes)} in {time.monotonic() - began:.0f} s")
    print(failures_text(outcomes, chosen.seed))
    sys.exit(any(outcome.failures for outcome in outcomes))


def _tell(outcome: Outcome, seed: int) -> None:
    if outcome.number % 100 == 0 or outcome.failures:
        print(f"{outcome.number}: {outcome.label}", file=sys.stderr)
        print(failures_text([outcome], seed), end="", file=sys.stderr)


if __name__ == "__main__":
    main()
