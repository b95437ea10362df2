from __future__ import annotations

import os
import pty
import subprocess
import sys
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest
from ase.io import write

from tests.cli.process import ROOT, environment, finish, start
from tests.hub.structures.conftest import copper

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    """A folder with a good file, and one with a wrong energy and a duplicate."""
    frames = copper(12)
    write(tmp_path / "good.xyz", frames)
    frames[3].calc.results["energy"] = float("nan")
    write(tmp_path / "bad.xyz", [*frames, frames[5]])
    return tmp_path


def test_a_good_file(hub) -> None:
    done = hub("check", "good.xyz")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert "structures:          12 of 32 to 32 atoms, 384 in total" in lines
    assert "energies:            energy (eV)" in lines
    assert "forces:              forces (eV/Å)" in lines
    assert any(line.startswith("reference energies:  Cu ") for line in lines)
    assert lines[-1] == "No findings."


def test_findings_name_file_and_structure(hub) -> None:
    done = hub("check", "*.xyz")
    assert done.code == 1
    assert "error: missing-energy: 1 of 25 structures" in done.out
    assert "\n    bad.xyz[3]\n" in done.out
    assert "warning: duplicates: 12 structures occur more than once" in done.out
    assert "bad.xyz[12], good.xyz[0], good.xyz[1], good.xyz[2], good.xyz[3] and 8 more" in done.out
    assert done.err.startswith("error: the files cannot be trained on: missing-energy\nhint: ")


def test_json(hub) -> None:
    done = hub("check", "bad.xyz", "--json")
    assert done.code == 1
    report = done.json
    assert report["structures"] == 13
    assert report["elements"] == ["Cu"]
    assert (report["energy_key"], report["forces_key"]) == ("energy", "forces")
    assert report["reference_energies"]["method"] == "robust fit"
    found = {finding["code"]: finding for finding in report["findings"]}
    assert found["missing-energy"]["structures"] == ["bad.xyz[3]"]
    assert found["duplicates"]["severity"] == "warning"


def test_what_cannot_be_read_is_an_error_without_traceback(hub, folder: Path) -> None:
    (folder / "cut.xyz").write_text((folder / "good.xyz").read_text()[:2000])
    for arguments in (("cut.xyz",), ("nope.xyz",), (".",), ("good.xyz", "--energy-key", "nope")):
        done = hub("check", *arguments)
        assert done.code == 1
        assert done.out == ""
        assert done.err.startswith("error: ")
        assert "hint: " in done.err
        assert "Traceback" not in done.err


def test_a_file_must_be_named(hub) -> None:
    assert hub("check").code == 2


def test_the_elements_of_a_model(hub, folder: Path) -> None:
    from hub.potentials.nequip.onehot import OneHotConfig

    config = OneHotConfig(("C",), 4.0, 31.17, "isolated atom")
    (folder / "run" / "model").mkdir(parents=True)
    (folder / "run" / "model" / "config.json").write_text(config.to_json())
    for place in ("run", "run/model"):
        done = hub("check", "good.xyz", "--model", place)
        assert done.code == 1
        assert "unknown-elements: the model covers C but not Cu" in done.out
    done = hub("check", "good.xyz", "--model", "nothing-like-this")
    assert done.code == 3


def test_a_terminal_sees_progress_and_a_pipe_does_not(hub, folder: Path) -> None:
    assert "reading" not in hub("check", "good.xyz").err
    ours, theirs = pty.openpty()
    terminal = {"env": environment(TERM="xterm"), "stdout": PIPE, "stderr": theirs}
    process = start("check", "good.xyz", folder=folder, **terminal)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    assert process.wait() == 0
    assert process.stdout is not None
    assert b"No findings." in process.stdout.read()
    assert b"reading" in shown
    assert b"checking" in shown


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, hub.cli.check\n"
        "print([name for name in ('numpy', 'ase', 'torch', 'rich') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_an_ordinary_file_needs_nothing_heavy(tmp_path) -> None:
    program = (
        "import sys\n"
        "from hub.checking import check\n"
        "assert len(check(sys.argv[1]).structures) == 2\n"
        "names = ('torch', 'zarr', 'scipy', 'matplotlib')\n"
        "print([name for name in names if name in sys.modules])\n"
        "import torch, vesin\n"
        "assert vesin._neighbors.HAS_TORCH\n"
    )
    header = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 energy='
    rows = "C 0 0 0 0 0 1\nC 1.4 0 0 0 0 -1\n"
    path = tmp_path / "two.extxyz"
    path.write_text("".join(f"2\n{header}{energy}\n{rows}" for energy in (-18.0, -18.5)))
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "[]"


def test_an_error_can_be_allowed_by_its_code(hub) -> None:
    done = hub("check", "bad.xyz")
    assert (done.code, "--allow missing-energy" in done.err) == (1, True)
    done = hub("check", "bad.xyz", "--allow", "missing-energy")
    assert (done.code, done.err) == (0, "")
    assert "error (allowed): missing-energy" in done.out
    done = hub("check", "bad.xyz", "--allow", "units")
    assert done.code == 1
    done = hub("check", "bad.xyz", "--allow", "everything")
    assert done.code == 1
    assert "unknown error code: everything" in done.err


def test_standard_input_and_a_pipe(folder: Path) -> None:
    for name in ("-", "/dev/stdin"):
        with (folder / "good.xyz").open("rb") as stream:
            piped = subprocess.Popen(["/bin/cat"], stdin=stream, stdout=PIPE)
            done = finish("check", name, folder=folder, stdin=piped.stdout)
            piped.wait()
        assert (done.returncode, done.stderr) == (0, "")
        assert "structures:          12 of 32 to 32 atoms" in done.stdout
        assert ("standard input" if name == "-" else name) in done.stdout


def test_a_dataset_by_its_name(hub) -> None:
    done = hub("import", "good.xyz", "--name", "copper", "--labels", "emt")
    assert done.code == 0
    for place in ("copper@1", "copper"):
        done = hub("check", place, "--json")
        assert done.code == 0
        assert done.json["structures"] == 12
    done = hub("check", "copper@1", "good.xyz")
    assert done.code == 1
    assert "a dataset must be given alone" in done.err
