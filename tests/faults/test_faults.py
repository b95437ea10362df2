"""A fixed sample of faults leads to nothing bad, and the harness notices where something would."""

import json
from pathlib import Path

import pytest

import registry.documents
import registry.index
import registry.local
import registry.repair
import registry.stores.directory
import registry.upkeep
from registry.stores.directory import DirectoryStore
from registry.versions import Version
from tests.faults.cases import all_cases
from tests.faults.runner import case_of, run
from tests.faults.table import failures_text, table
from tests.faults.verdict import DELETED, HANGS, LOST, TRACEBACKS, WRONG

SAMPLE, SEED = 400, 0


@pytest.mark.slow
def test_a_sample_of_faults_leads_to_nothing_bad():
    outcomes = run(range(SAMPLE), SEED)
    assert len(outcomes) == SAMPLE
    assert not failures_text(outcomes, SEED), f"{table(outcomes)}\n{failures_text(outcomes, SEED)}"
    # Most of them found something to damage.
    assert sum(outcome.injected for outcome in outcomes) > 0.95 * SAMPLE


def faults(label, count, bug=None, **options):
    """Do faults of one row of the table, with a bug put in."""
    cases = all_cases()
    numbers = [n for n in range(20 * len(cases)) if case_of(n, cases).label == label]
    assert len(numbers) >= count
    return run(numbers[:count], SEED, bug=bug, **options)


def open_anyhow(data, what, newest):
    """Read a sealed document, and believe it."""
    content = registry.documents.parse_document(data, what, newest)
    content.pop("checksum", None)
    return content


def replace(place, name, value):
    """Return a bug: something of the code under test is other than it should be."""
    return lambda: setattr(place, name, value)


def follow_links():
    """Let prune look into links, and delete what is behind them."""

    def entries(folder, pattern):
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [each for each in found if pattern.fullmatch(each.name)]

    def remove(path):
        for each in [path, *path.rglob("*")]:
            if each.is_file():
                each.unlink()

    registry.upkeep.entries, registry.upkeep.remove = entries, remove


# Each column with a bug that it must tell of, and the faults that bring the bug to light.
BUGS = {
    "a version is not compared with its row": (
        WRONG,
        "disk, current: page: exchange rows",
        replace(Version, "is_called", lambda *_: True),
    ),
    "the files of a version are not hashed": (
        WRONG,
        "disk, current: version's file: flip",
        replace(registry.local, "damaged_files", lambda *_: []),
    ),
    "checksums of pages are not compared": (
        WRONG,
        "malformed: page: hostile value",
        replace(registry.index, "open_sealed", open_anyhow),
    ),
    "publishing the same again mends nothing": (
        LOST,
        "disk, current: blob: delete",
        replace(DirectoryStore, "put_file", lambda *_: False),
    ),
    "repair finds no manifests": (
        LOST,
        "disk, current: page: delete",
        replace(registry.repair, "readable_manifests", lambda _: {}),
    ),
    "prune follows links": (DELETED, "disk, current: versions folder: links inside", follow_links),
    "no JSON is refused": (
        TRACEBACKS,
        "disk, current: list of names: truncate",
        replace(registry.documents, "parse_json", lambda data, **_: json.loads(data)),
    ),
    "pipes are opened": (
        HANGS,
        "disk, current: manifest: pipe",
        replace(registry.stores.directory, "open_regular", lambda path: path.open("rb")),
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_the_harness_notices_if(name):
    column, label, bug = BUGS[name]
    # A hang takes its time: one is enough.
    outcomes = faults(label, 1 if column == HANGS else 20, bug, longest=1.0)
    assert column in {column for outcome in outcomes for column, _ in outcome.failures}


def test_nothing_stays_behind(tmp_path):
    faults("full disk: publish a name: small tmpfs", 1, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with Path("/proc/mounts").open() as mounts:
        assert str(tmp_path) not in mounts.read()


def test_a_failure_can_be_reproduced_alone():
    _, label, bug = BUGS["a version is not compared with its row"]
    first = next(outcome for outcome in faults(label, 20, bug) if outcome.failures)
    (again,) = run([first.number], SEED, bug=bug)
    assert [column for column, _ in again.failures] == [column for column, _ in first.failures]
    assert f"--seed {SEED} --only {first.number}" in failures_text([again], SEED)
