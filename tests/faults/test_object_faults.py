"""A few faults to a registry in an object store; `python -m tests.faults --store s3` has all."""

import pytest

from tests.faults.cases import over_objects
from tests.faults.runner import run
from tests.faults.table import failures_text
from tests.registry.cloud_servers import has_moto

SAMPLE, SEED = 24, 0


@pytest.mark.slow
@pytest.mark.skipif(not has_moto(), reason="moto or obstore is not installed")
def test_a_sample_of_faults_leads_to_nothing_bad():
    outcomes = run(range(SAMPLE), SEED, longest=90.0, cases=over_objects("s3"))
    assert len(outcomes) == SAMPLE
    assert not failures_text(outcomes, SEED)
