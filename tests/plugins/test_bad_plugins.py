"""Packages that would replace what is shipped, that get in each other's way, or are broken."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.plugins.packages import install


def test_what_comes_with_the_program_is_not_replaced(hub, tmp_path, sentinel):
    points = {"commands": {"list": "thief:x"}, "teachers": {"edip": "thief:x"}}
    points |= {"importers": {"ase": "thief:x"}, "stores": {"http": "thief:x"}}
    points |= {"checks": {"units": "thief:x"}}
    thief = tmp_path / "thief"
    install(thief, "hub-thief", points, {"thief": "raise SystemExit('stolen')"})
    assert "c-nep-pretrained" in hub("list", also=thief).stdout
    done = hub("--help", also=thief)
    assert "List models and datasets." in done.stdout
    assert "the command 'list' of the package hub-thief is ignored" in done.stderr
    done = hub("teachers", also=thief)
    assert done.stdout.count("\nedip ") == 1
    assert "warning: the teacher 'edip' of the package hub-thief is ignored" in done.stderr
    assert "MIT" in hub("teachers", "edip", also=thief).stdout


def test_of_two_packages_with_a_command_of_one_name(hub, dimers, tmp_path):
    rival = tmp_path / "rival"
    install(rival, "z-rival", {"commands": {"count": "rival:x"}}, {"rival": ""})
    done = hub("count", dimers, also=rival)
    assert done.stdout == "4\n"
    assert "the command 'count' of the package z-rival is ignored" in done.stderr


BROKEN = {
    "architectures": {
        "crash": "broken:x",
        "nothing": "sys:path",
        "nequip-onehot": "broken:x",
        "abstract": "fine:Abstract",
        "other": "fine:Other",
    },
    "commands": {"crash": "broken:x", "nothing": "sys:path"},
    "stores": {"crash": "broken:x", "nothing": "operator:length_hint", "number": "fine:store"},
    "teachers": {
        "crash": "broken:x",
        "nothing": "sys:path",
        "wrong": "fine:wrong_family",
        "other": "fine:other_family",
    },
    "checks": {
        "crash": "broken:x",
        "nothing": "sys:path",
        "raises": "fine:raising",
        "refuses": "fine:refusing",
        "foreign": "fine:foreign",
        "secret": "fine:secret",
        "thief": "fine:thief",
        "far": "fine:far",
    },
    "importers": {"crash": "broken:x", "nothing": "sys:path", "empty": "fine:empty"},
}
FINE = """
from hub.errors import DataError
from hub.importers.importer import Importer
from hub.potentials.architecture import Architecture
from hub.structures.checks import Check, Finding
from hub.teachers.family import Family

def refuse(seen):
    raise DataError("I do not like it")

def store(location, *, offline):
    return 5

class Abstract(Architecture):
    name = "abstract"

class Other(Architecture):
    name = "someone"

wrong_family = Family("wrong", "a family", build="fine:build", elements="C")
other_family = Family("someone", "a family", build="fine:build")
raising = Check(lambda seen: 1 / 0)
refusing = Check(refuse)
foreign = Check(lambda seen: [5])
secret = Check(lambda seen: [Finding("error", "secret", "", [], "")])
thief = Check(lambda seen: [], errors=("units",))
far = Check(lambda seen: [Finding("warning", "far", "", [99], "")])
empty = Importer()
"""


@pytest.fixture
def broken(hub, tmp_path):
    """Return a function that runs `hub` beside a package whose parts are all broken."""
    modules = {"broken": "import a_module_that_is_missing", "fine": FINE}
    install(tmp_path / "broken", "hub-broken", BROKEN, modules)
    return lambda *arguments, **options: hub(*arguments, also=tmp_path / "broken", **options)


@pytest.mark.parametrize("name", ["crash", "nothing"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["{name}"],
        ["teachers", "{name}"],
        ["relabel", "c-pbe-examples", "--as", "x", "--teacher", "{name}"],
        ["import", "dimers.txt", "--name", "x", "--reader", "{name}"],
        ["registry", "add", "lab", "{name}:///lab"],
    ],
)
def test_a_broken_one_that_is_asked_for_is_an_error(broken, dimers, arguments, name):
    done = broken(*(each.format(name=name) for each in arguments), code=1)
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith("error: the ")
    assert f" '{name}' of the package hub-broken cannot be used: " in error
    assert "a_module_that_is_missing" in error or name == "nothing"
    assert hint == "hint: Update hub-broken, or uninstall it: pip uninstall hub-broken"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["teachers", "wrong"], "in its Family, 'elements': expected `array`, got `str`"),
        (["teachers", "other"], "the name in its Family is 'someone'"),
        (["import", "dimers.txt", "--name=x", "--reader=empty"], "it does not read structures"),
        (["registry", "add", "lab", "number:///x"], "fine:store does not return a store"),
    ],
)
def test_one_that_is_not_what_it_must_be(broken, dimers, arguments, reason):
    assert (
        f"of the package hub-broken cannot be used: {reason}" in broken(*arguments, code=1).stderr
    )


def test_broken_ones_that_nobody_asked_for_are_warned_of(broken, trimer):
    done = broken("teachers")
    assert "toy-lj" in done.stdout
    assert done.stderr.count("warning: the teacher '") == len(BROKEN["teachers"])
    done = broken("check", trimer, code=1)
    assert "error: odd-atoms" in done.stdout
    for name, reason in {
        "crash": "a_module_that_is_missing",
        "nothing": "sys:path is not a Check",
        "raises": "ZeroDivisionError",
        "refuses": "I do not like it",
        "foreign": "it does not return valid findings",
        "secret": "its error secret is not among those it declares",
        "thief": "the code units is already used",
        "far": "its finding far names structures that do not exist",
    }.items():
        told = f"warning: the check '{name}' of the package hub-broken cannot be used: "
        assert any(line.startswith(told) and reason in line for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("crash", "a_module_that_is_missing"),
        ("nothing", "sys:path is not an architecture"),
        ("abstract", "TypeError"),
        ("other", "fine:Other has a different name"),
    ],
)
def test_a_model_of_a_broken_architecture(broken, trimer, random_directory, tmp_path, name, reason):
    shutil.copytree(random_directory, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | {"architecture": name}))
    done = broken("check", trimer, "--model", tmp_path / "model", code=6)
    assert f"the architecture '{name}' of the package hub-broken cannot be used: " in done.stderr
    assert reason in done.stderr
    assert "hint: Update hub-broken, or uninstall it" in done.stderr


@pytest.mark.slow
def test_broken_architectures_leave_the_others_alone(broken, dimers):
    done = broken("import", dimers, "--reader", "dimers", "--name", "pairs")
    assert done.stdout == "local/pairs@1.0.0\n"
    assert done.stderr.count("warning: the architecture '") == len(BROKEN["architectures"])
    assert "'nequip-onehot' of the package hub-broken is ignored" in done.stderr


def test_a_registry_whose_store_is_broken_is_missed_only_where_it_is_asked(broken):
    lab = {"HUB_REGISTRIES": "lab=crash:///lab"}
    assert "c-nep-pretrained" in broken("list", **lab).stdout
    assert "builtin/c-nep-pretrained" in broken("pull", "c-nep-pretrained", **lab).stderr
    done = broken("list", "--remote", code=5, **lab)
    assert "registry lab could not be queried: the store 'crash' of the package" in done.stderr
    assert "hub-broken cannot be used" in broken("pull", "lab/x", code=1, **lab).stderr
