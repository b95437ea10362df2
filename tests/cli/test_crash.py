"""What nobody foresaw: one line, a file with the details, exit code 70."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hub.cli.main import main

ADDRESS = "https://me:hunter2@a.org/x?token=secret"


def fail_with(monkeypatch, problem):
    def fail(*_, **__):
        raise problem

    monkeypatch.setattr("hub.listing.listings", fail)


def recursion():
    def endless():
        endless()

    with pytest.raises(RecursionError) as caught:
        endless()
    return caught.value


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (KeyError("\x1b[31m\nof the inside"), r"KeyError: '\x1b[31m\nof the inside'"),
        (AssertionError(), "AssertionError;"),
        (MemoryError(), "MemoryError;"),
        (OSError(5, "Input/output error", "a/b"), "Input/output error: 'a/b'"),
        (ValueError(f"at {ADDRESS}"), "https://***@a.org/x?token=***"),
        (recursion(), "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_the_unexpected_is_one_line_and_a_report(hub, monkeypatch, problem, said):
    fail_with(monkeypatch, problem)
    done = hub("list", f"{ADDRESS}\x1b")
    assert done.code == 70
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert said in line
    report = Path(re.search(r"with (\S+), which", line)[1])
    assert report.parent == Path(os.environ["XDG_STATE_HOME"]) / "mlip-hub" / "crashes"
    assert report.stat().st_mode & 0o077 == 0
    text = report.read_text()
    for expected in (
        "hub list",
        "mlip-hub 0",
        "Python 3",
        "numpy ",
        "Traceback",
    ):
        assert expected in text
    assert type(problem).__name__ in text
    assert not re.search("secret|hunter2", done.err + text)


def test_a_report_that_cannot_be_kept_lies_in_the_temporary_folder(hub, monkeypatch, tmp_path):
    fail_with(monkeypatch, KeyError("x"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        assert f"with {tmp_path}/mlip-hub-" in hub("list").err
        patch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
        done = hub("list")
    assert (done.code, "cannot be written" in done.err) == (70, True)


def test_the_traceback_can_be_had(monkeypatch):
    fail_with(monkeypatch, KeyError("x"))
    monkeypatch.setenv("HUB_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["list"])


def test_an_interrupt_is_none_of_it(hub, monkeypatch):
    fail_with(monkeypatch, KeyboardInterrupt())
    done = hub("list")
    assert (done.code, done.err.strip()) == (130, "interrupted")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_any_encoding_of_the_terminal_will_do(encoding):
    program = "import sys; from hub.cli import output; from hub.cli.main import main; "
    program += "output.accept_any_text(); output.result('eV/Å → 日本')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert b"eV/" in done.stdout


def test_a_closed_stdout_is_no_crash():
    done = subprocess.run(
        f"{sys.executable} -m hub.cli.main list >&-",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "unexpected" not in done.stderr
