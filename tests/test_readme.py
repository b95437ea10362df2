"""The README keeps up with the program."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_command_reference_is_what_help_says():
    done = run(".ci/cli_reference.py", "--check")
    assert done.returncode == 0, done.stderr


def test_the_first_command_works_as_it_stands_without_network(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_OFFLINE", "1")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^pip install \. && hub (finetune .*)$", readme, flags=re.MULTILINE)
    arguments = [*shlex.split(line), "--epochs", "1", "--out", tmp_path / "run"]
    done = run("-m", "hub.cli.main", *arguments)
    assert done.returncode == 0, done.stderr
    assert re.search("all structures .* after ", done.stdout)
    assert (tmp_path / "run" / "model" / "weights.safetensors").is_file()
