"""``hub guide`` and ``hub.guide``."""

import json
import os
import pty
import re
import subprocess
import sys

import click.shell_completion
import pytest

import hub as library
from hub.cli.main import hub as group
from registry.errors import NotFoundError
from tests.conftest import ROOT

FOLDER = ROOT / "hub" / "guide"


def test_every_guide_is_listed_with_its_summary(hub):
    done = hub("guide")
    assert done.code == 0
    rows = dict(line.split(maxsplit=1) for line in done.out.splitlines()[1:])
    assert set(rows) == {path.stem for path in FOLDER.glob("*.md")}
    assert (
        rows["limits"]
        == "What the models do not know, what is not supported, and what was not tested."
    )
    assert {row["name"]: row["summary"] for row in json.loads(hub("guide", "--json").out)} == rows


def test_a_guide_in_a_pipe_is_the_file_itself(hub):
    done = hub("guide", "limits")
    assert done.out == (FOLDER / "limits.md").read_text(encoding="utf-8")
    assert json.loads(hub("guide", "limits", "--json").out)["text"] == done.out


def test_instructions_to_the_tests_are_not_shown(hub):
    assert "```bash not-run:" in (FOLDER / "installation.md").read_text(encoding="utf-8")
    assert "not-run" not in hub("guide", "installation").out


def test_a_guide_on_a_terminal_is_rendered():
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "90"}
    command = [sys.executable, "-m", "hub.cli.main", "guide", "limits"]
    with subprocess.Popen(command, stdout=terminal, env=environment, cwd=ROOT) as process:
        os.close(terminal)
        pieces = []
        try:
            while piece := os.read(controller, 65536):
                pieces.append(piece)
        except OSError:
            pass  # the other end is closed
    shown = b"".join(pieces).decode()
    assert process.returncode == 0
    assert "\x1b[1m" in shown
    assert "## Models" not in shown
    assert "Models" in shown
    plain = re.sub(r"\x1b(\[[0-9;]*m|\][^\x1b]*\x1b\\)", "", shown)  # styles, links
    assert all(len(line) <= 90 for line in plain.splitlines())


def test_near_names_are_suggested(hub):
    done = hub("guide", "fine-tunning")
    assert done.code == 3
    assert done.err == "error: no guide 'fine-tunning' found\nhint: Did you mean fine-tuning?\n"
    assert "`hub guide` lists the guides" in hub("guide", "xyz").err
    assert hub("guide", "../guide/limits").code == 3


def test_names_are_completed():
    complete = click.shell_completion.BashComplete(group, {}, "hub", "_HUB_COMPLETE")
    items = complete.get_completions(["guide"], "fi")
    assert [item.value for item in items] == ["fine-tuning"]
    assert items[0].help == library.guide()["fine-tuning"]


def test_the_library_returns_texts_and_summaries():
    assert library.guide("limits").startswith("# Limits\n\n" + library.guide()["limits"])
    with pytest.raises(NotFoundError):
        library.guide("limit")


def test_nothing_heavy_is_loaded():
    code = (
        "import sys; from hub.cli.main import main\n"
        "try: main(['guide', 'limits'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'torch', 'ase', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stderr == "[]\n"
