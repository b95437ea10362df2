"""The command line as a process of its own, for what only a process shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HUB = (sys.executable, "-m", "hub.cli.main")


def environment(**changes: object) -> dict[str, str]:
    """Return this process's environment for a child that imports this tree's packages."""
    changed = {name: str(value) for name, value in changes.items()}
    return os.environ | {"PYTHONPATH": str(ROOT)} | changed


def start(*arguments: object, folder: Path, **options: Any) -> subprocess.Popen[Any]:
    """Start a command in a folder."""
    options = {"env": environment()} | options
    return subprocess.Popen([*HUB, *map(str, arguments)], cwd=folder, **options)


def finish(*arguments: object, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder to its end."""
    options = {"env": environment()} | options
    return subprocess.run(
        [*HUB, *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, check=False, **options,
    )  # fmt: skip
