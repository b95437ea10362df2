"""How parts of other packages are found, and what becomes of those that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PluginError, SettingsError
from registry.plugins import _read, plugins, usable
from tests.plugins.packages import install


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that packages are installed to."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def warnings(caplog):
    return [record.getMessage() for record in caplog.records]


def test_a_part_is_found_by_its_name_and_imported_when_it_is_loaded(folder):
    install(folder, "Hub-Good.parts", {"stores": {"tape": "good_tape:Tape.open"}}, {})
    part = plugins("stores")["tape"]
    assert (part.name, part.target, part.package) == (
        "tape",
        "good_tape:Tape.open",
        "hub-good-parts",
    )
    (folder / "good_tape.py").write_text("class Tape:\n    open = 5\n")
    assert part.load() == 5
    assert "tape" not in plugins("teachers")


def test_what_is_ours_is_never_replaced(folder, caplog):
    install(folder, "a-thief", {"stores": {"http": "x:y", "tape": "x:y"}}, {})
    install(folder, "mlip-hub", {"stores": {"tape": "ours:tape"}}, {})
    found = plugins("stores", {"http"})
    assert found["tape"].package == "mlip-hub"
    assert "http" not in found
    plugins("stores", {"http"})
    http, tape = warnings(caplog)
    assert http == "the store 'http' of the package a-thief is ignored: mlip-hub has its own"
    assert "'tape' of the package a-thief is ignored in favour of the store 'tape' of the" in tape


def test_of_two_packages_the_first_by_name_counts(folder, caplog):
    install(folder, "second", {"teachers": {"morse": "x:y"}}, {})
    install(folder, "first", {"teachers": {"morse": "x:y"}}, {})
    assert plugins("teachers")["morse"].package == "first"
    (said,) = warnings(caplog)
    assert "package second is ignored" in said
    assert "package first" in said


def test_a_package_counts_where_it_is_imported_from(tmp_path, monkeypatch):
    for place in ("later", "sooner"):
        monkeypatch.syspath_prepend(tmp_path / place)
        install(tmp_path / place, "twice", {"teachers": {"morse": f"{place}:x"}}, {})
    assert plugins("teachers")["morse"].target == "sooner:x"


def test_what_pip_is_about_to_replace_is_no_package(folder):
    install(folder, "~ub-morse", {"teachers": {"morse": "x:y"}}, {})
    assert "morse" not in plugins("teachers")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("there_is_none:x", "No module named 'there_is_none'"),
        ("broken_import:x", "ZeroDivisionError"),
        ("broken_exit:x", "SystemExit"),
        ("broken_hub:x", "our own error"),
        ("broken_empty:x", "has no attribute 'x'"),
        ("broken_empty", "has no attribute"),
        (":x", "Empty module name"),
        ("", "Empty module name"),
    ],
)
def test_a_broken_part_says_what_is_wrong_with_which_package(folder, caplog, target, reason):
    modules = {
        "broken_import": "1 / 0",
        "broken_exit": "raise SystemExit(3)",
        "broken_hub": "import registry.errors\nraise registry.errors.StorageError('our own error')",
        "broken_empty": "",
    }
    install(folder, "hub-bad", {"checks": {"bad": target, "good": "os:path"}}, modules)
    with pytest.raises(PluginError) as failure:
        plugins("checks")["bad"].load()
    assert "the check 'bad' of the package hub-bad cannot be used" in failure.value.message
    assert reason in failure.value.message
    assert failure.value.hint == "Update hub-bad, or uninstall it: pip uninstall hub-bad"
    assert list(usable("checks", lambda part: part.load())) == ["good"]
    (said,) = warnings(caplog)
    assert "hub-bad" in said
    assert reason in said


def test_what_a_part_raises_is_told_as_its_own(folder):
    install(folder, "hub-bad", {"checks": {"bad": "x:y"}}, {})
    part = plugins("checks")["bad"]
    with pytest.raises(PluginError, match="package hub-bad cannot be used: KeyError: 'no'"):
        part.call({}.__getitem__, "no")

    def ours():
        raise SettingsError("no such bucket")

    with pytest.raises(SettingsError, match="no such bucket"):
        part.call(ours)
    assert part.call(max, 1, 2, key=lambda number: -number) == 1


def test_folders_that_are_none_are_passed_over(tmp_path, monkeypatch):
    (tmp_path / "file.dist-info").write_text("")
    (tmp_path / "odd.dist-info" / "entry_points.txt").mkdir(parents=True)
    (tmp_path / "archive.zip").write_bytes(b"PK")
    for place in (tmp_path, tmp_path / "archive.zip", tmp_path / "missing"):
        monkeypatch.syspath_prepend(place)
    assert "x" not in plugins("stores")


names = st.text("abcXYZ019_.- ", min_size=1, max_size=8).map(str.strip).filter(bool)
targets = st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,3})?:[A-Z]{1,4}", fullmatch=True)


@given(st.dictionaries(st.sampled_from(["stores", "checks"]), st.dictionaries(names, targets)))
def test_entry_points_are_read_as_importlib_reads_them(tmp_path_factory, points):
    folder = tmp_path_factory.getbasetemp() / "read-alike"
    install(folder, "some-package", points, {})
    (found,) = distributions(path=[str(folder)])
    file = folder / "some_package-1.0.dist-info" / "entry_points.txt"
    assert {
        (f"mlip_hub.{part.kind}", part.name, part.target) for part in _read(str(file), "x")
    } == {(point.group, point.name, point.value) for point in found.entry_points}


@given(st.binary(max_size=200))
def test_any_bytes_can_stand_in_the_file(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "any-bytes.txt"
    file.write_bytes(b"[mlip_hub.stores]\na = b:c\n" + data)
    first, *_ = _read(str(file), "x")
    assert (first.kind, first.name) == ("stores", "a")


def test_looking_imports_neither_packages_nor_what_is_slow(folder):
    install(folder, "hub-toy", {"commands": {"count": "toy_module:command"}}, {})
    program = (
        "import sys; from registry.plugins import plugins; print(*plugins('commands'))\n"
        "print(*{'importlib.metadata', 'logging', 'toy_module'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["count", ""]
