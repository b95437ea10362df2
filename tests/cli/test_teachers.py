"""``hub teachers``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import hub as library
from hub.teachers import family as family_module
from hub.teachers.families import FAMILIES


def test_every_teacher_is_listed(hub):
    done = hub("teachers")
    assert done.code == 0
    for family in FAMILIES:
        assert family.usage in done.out
        assert family.licence in done.out


def test_what_is_missing_has_its_command(hub, monkeypatch):
    monkeypatch.setattr(family_module, "find_spec", lambda module: None)
    lines = {line.split()[0]: line for line in hub("teachers").out.splitlines()}
    assert lines["nep"].endswith('no: pip install "mlip-hub[nep]"')
    assert lines["edip"].endswith("yes")


def test_one_teacher_is_shown_whole(hub):
    assert "poor for pure carbon" in hub("teachers", "sic-edip").out
    shown = hub("teachers", "lammps").out
    assert "--params FILE" in shown
    assert "pair_style" in shown
    assert hub("teachers", "lammps", "--json").json["options"].keys() == {
        "pair_style",
        "pair_coeff",
        "elements",
    }


def test_an_unknown_teacher_has_near_names(hub):
    done = hub("teachers", "terzoff")
    assert (done.code, done.out) == (1, "")
    assert "Did you mean tersoff" in done.err


def test_listing_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from hub.cli.main import hub\n"
        "hub.main(['teachers', '--json'], standalone_mode=False)\n"
        "heavy = {'numpy', 'ase', 'torch', 'yaml'} & set(sys.modules)\n"
        "print(*heavy, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == ""
    names = [family.name for family in FAMILIES]
    assert [row["name"] for row in json.loads(done.stdout)] == names
    assert [family.name for family in library.list_teachers()] == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--teacher", "lcbopp"], "Did you mean lcbop"),
        (["--teacher", "nep"], "Give --params FILE"),
        (["--teacher", "lcbop", "--arguments", "{1"], "is not valid JSON"),
        (["--teacher", "lcbop", "--arguments", "[1]"], "is not a JSON object"),
    ],
)
def test_options_that_choose_no_teacher(hub, options, message):
    done = hub("relabel", "nothing", "--labels", "x", *options)
    assert done.code != 0
    assert message in done.err
