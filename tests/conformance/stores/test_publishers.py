"""Publishers at the same time, that are killed, and whose clocks differ; on every store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.content import damaged_files
from registry.errors import ExistsError
from registry.references import Reference
from tests.registry.conftest import publish

LAYOUT = ("registry.json", "index.json", "index/", "manifests/", "blobs/", ".mlip-hub", "locks/")


def rows(place):
    return {
        (name, number): row.digest
        for name, entry in place.registry().entries().items()
        for number, row in entry.versions.items()
    }


@pytest.mark.slow
def test_nothing_of_20_publishers_at_once_is_lost(place, machine, content):
    """Versions of a few names, all of them new, in a place that is not a registry yet."""

    def one(number):
        name, version = f"name-{number % 3}", f"1.{number}.0"
        published = publish(machine(str(number)), content, version, name=name, to="lab")
        return (name, version), published.digest

    with ThreadPoolExecutor(20) as pool:
        published = dict(pool.map(one, range(20)))
    assert rows(place) == published
    for name, entry in place.registry().entries().items():
        assert entry.aliases == {"latest": max(entry.versions, key=lambda v: int(v.split(".")[1]))}
        version = machine("reader").pull(Reference(name, ""))
        assert damaged_files(version.path, version.manifest.files) == []


def test_one_of_20_publishers_of_a_version_wins(place, machine, content):
    """Their contents differ: who publishes the same may complete the winner's list of names."""

    def one(number):
        metadata = {"description": f"that of {number}"}
        try:
            return publish(machine(str(number)), content, to="lab", metadata=metadata).digest
        except ExistsError:
            return None

    with ThreadPoolExecutor(20) as pool:
        published = list(pool.map(one, range(20)))
    assert published.count(None) == 19
    assert list(rows(place).values()) == [digest for digest in published if digest]


@pytest.mark.slow
def test_a_publisher_that_is_killed_leaves_a_version_or_nothing(place, content, tmp_path):
    command = [sys.executable, "-m", "tests.conformance.stores.killed", place.location]
    done = subprocess.run(
        [*command, str(content), str(tmp_path / "killed")],
        env={**os.environ, **place.variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    deaths = [json.loads(line) for line in done.stdout.splitlines()]
    # The place, the list, the marker, three files, the manifest, the page, the list.
    assert len(deaths) >= 9
    for number, death in enumerate(deaths):
        assert death["was_killed"] == (number < len(deaths) - 1)
        assert death["is_published_again"]
        assert death["is_intact"]
    # It is visible from one write on, after all that it consists of.
    seen = [death["is_listed"] for death in deaths]
    assert seen == sorted(seen)
    assert seen.index(True) >= 7
    assert all(path.split("/", 1)[1].startswith(LAYOUT) for path in place.store().list(""))


def test_clocks_that_differ_do_no_harm(place, machine, content, monkeypatch):
    """Two machines, one of them days ahead, the other behind; both sweep what seems old."""
    really = time.time
    for number, days in enumerate((0, 3, -3, 400, -400)):
        monkeypatch.setattr(time, "time", lambda days=days: really() + days * 86400)
        publish(machine(str(number)), content, f"1.{number}.0", to="lab")
    assert len(rows(place)) == 5
