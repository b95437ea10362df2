from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from ase.io import write

from tests.hub.structures.conftest import copper

ROOT = Path(__file__).parents[2]


def hub(
    *arguments: str, folder: Path, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HUB_HOME": str(home or folder / "home")}
    return subprocess.run(
        [sys.executable, "-m", "hub.cli.main", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good file, and one with a wrong energy and a duplicate."""
    frames = copper(12)
    write(tmp_path / "good.xyz", frames)
    frames[3].calc.results["energy"] = float("nan")
    write(tmp_path / "bad.xyz", [*frames, frames[5]])
    return tmp_path


def test_a_good_file(folder: Path) -> None:
    done = hub("check", "good.xyz", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "structures:          12 of 32 to 32 atoms, 384 in all" in lines
    assert "energies:            energy (eV)" in lines
    assert "forces:              forces (eV/Å)" in lines
    assert any(line.startswith("reference energies:  Cu ") for line in lines)
    assert lines[-1] == "No findings."


def test_findings_name_file_and_structure(folder: Path) -> None:
    done = hub("check", "*.xyz", folder=folder)
    assert done.returncode == 1
    assert "error: missing-energy: 1 of 25 structures" in done.stdout
    assert "\n    bad.xyz[3]\n" in done.stdout
    assert "warning: duplicates: 12 structures occur several times" in done.stdout
    assert (
        "bad.xyz[12], good.xyz[0], good.xyz[1], good.xyz[2], good.xyz[3] and 8 more" in done.stdout
    )
    assert done.stderr.startswith("error: the files cannot be trained on: missing-energy\nhint: ")


def test_json(folder: Path) -> None:
    done = hub("check", "bad.xyz", "--json", folder=folder)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["structures"] == 13
    assert report["elements"] == ["Cu"]
    assert (report["energy_key"], report["forces_key"]) == ("energy", "forces")
    assert report["reference_energies"]["method"] == "robust fit"
    found = {finding["code"]: finding for finding in report["findings"]}
    assert found["missing-energy"]["structures"] == ["bad.xyz[3]"]
    assert found["duplicates"]["severity"] == "warning"


def test_what_cannot_be_read_is_an_error_without_traceback(folder: Path) -> None:
    (folder / "cut.xyz").write_text((folder / "good.xyz").read_text()[:2000])
    for arguments in (("cut.xyz",), ("nope.xyz",), (".",), ("good.xyz", "--energy-key", "nope")):
        done = hub("check", *arguments, folder=folder)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert "hint: " in done.stderr
        assert "Traceback" not in done.stderr


def test_a_file_must_be_named(folder: Path) -> None:
    assert hub("check", folder=folder).returncode == 2


def test_the_elements_of_a_model(folder: Path) -> None:
    from hub.potentials.nequip.onehot import OneHotConfig

    config = OneHotConfig(("C",), 4.0, 31.17, "isolated atom")
    (folder / "run" / "model").mkdir(parents=True)
    (folder / "run" / "model" / "config.json").write_text(config.to_json())
    for place in ("run", "run/model"):
        done = hub("check", "good.xyz", "--model", place, folder=folder)
        assert done.returncode == 1
        assert "unknown-elements: the model knows C but not Cu" in done.stdout
    done = hub("check", "good.xyz", "--model", "nothing-like-this", folder=folder)
    assert done.returncode == 3


def test_a_terminal_sees_progress_and_a_pipe_does_not(folder: Path) -> None:
    assert "reading" not in hub("check", "good.xyz", folder=folder).stderr
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli.main", "check", "good.xyz"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
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


def test_help_imports_nothing_heavy(folder: Path) -> None:
    program = (
        "import sys, hub.cli.check\n"
        "print([name for name in ('numpy', 'ase', 'torch', 'rich') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_an_error_can_be_allowed_by_its_code(folder: Path) -> None:
    done = hub("check", "bad.xyz", folder=folder)
    assert (done.returncode, "--allow missing-energy" in done.stderr) == (1, True)
    done = hub("check", "bad.xyz", "--allow", "missing-energy", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "error (allowed): missing-energy" in done.stdout
    done = hub("check", "bad.xyz", "--allow", "units", folder=folder)
    assert done.returncode == 1
    done = hub("check", "bad.xyz", "--allow", "everything", folder=folder)
    assert done.returncode == 1
    assert "no finding that stops training is called everything" in done.stderr


def test_standard_input_and_a_pipe(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HUB_HOME": str(folder / "home")}
    for name in ("-", "/dev/stdin"):
        with (folder / "good.xyz").open("rb") as stream:
            piped = subprocess.Popen(["/bin/cat"], stdin=stream, stdout=subprocess.PIPE)
            done = subprocess.run(
                [sys.executable, "-m", "hub.cli.main", "check", name],
                cwd=folder, env=environment, stdin=piped.stdout, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            piped.wait()
        assert (done.returncode, done.stderr) == (0, "")
        assert "structures:          12 of 32 to 32 atoms" in done.stdout
        assert ("standard input" if name == "-" else name) in done.stdout


def test_a_dataset_by_its_name(folder: Path) -> None:
    done = hub("import", "good.xyz", "--name", "copper", "--labels", "emt", folder=folder)
    assert done.returncode == 0
    for place in ("copper@1", "copper"):
        done = hub("check", place, "--json", folder=folder)
        assert done.returncode == 0
        assert json.loads(done.stdout)["structures"] == 12
    done = hub("check", "copper@1", "good.xyz", folder=folder)
    assert done.returncode == 1
    assert "a dataset is trained on alone" in done.stderr
