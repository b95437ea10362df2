"""A few faults to repositories on a Hub; `python -m tests.faults --store hf` has all."""

import pytest

from registry.huggingface import downloading
from tests.faults.cases import over_hub
from tests.faults.runner import run
from tests.faults.sample import assert_a_sample_leads_to_nothing_bad
from tests.faults.table import failures_text
from tests.faults.verdict import WRONG

pytest.importorskip("huggingface_hub")
SEED = 0
CASES = over_hub()


def numbers(fault, places):
    found = [n for n, case in enumerate(CASES) if case.fault == fault and case.place in places]
    assert len(found) == len(places)
    return found


@pytest.mark.slow
def test_a_sample_of_faults_leads_to_nothing_bad():
    assert_a_sample_leads_to_nothing_bad("hf")


@pytest.mark.parametrize("fault", ["killed before", "killed after"])
def test_a_publisher_killed_at_the_commit_or_the_tag_has_lost_nothing(fault):
    outcomes = run(numbers(fault, ["commit", "tag"]), SEED, longest=90.0, cases=CASES)
    assert all(outcome.injected for outcome in outcomes)
    assert not failures_text(outcomes, SEED)


@pytest.mark.slow
def test_the_harness_notices_if_the_files_are_not_hashed():
    def bug():
        downloading.is_intact = lambda *_: True

    # Every place in the file is hit in time.
    wanted = [n + len(CASES) * k for n in numbers("flip", ["large file"]) for k in range(8)]
    outcomes = run(wanted, SEED, longest=90.0, bug=bug, cases=CASES)
    assert WRONG in {column for outcome in outcomes for column, _ in outcome.failures}
