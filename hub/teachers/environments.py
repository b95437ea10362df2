"""Environments of teachers that cannot share this one: made from pinned requirements.

They are in ``HUB_HOME/environments/NAME-DIGEST``, where the digest is that of the requirements. An
environment is in a new folder below it, which ``ready.json`` names once it is complete: one that
was interrupted is never used.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import TeacherError
from registry.errors import OfflineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.teachers.family import Family

    Report = Callable[[str], None]

_READY = "ready.json"
_NEEDED = ("numpy", "ase")
_SHOWN = 600  # characters of a program's output


def installed(family: Family) -> Path | None:
    """Return the interpreter of a teacher's own environment; None if it is not complete."""
    folder = _folder(family)
    try:
        name = str(json.loads((folder / _READY).read_bytes())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    python = _python(folder / Path(name).name)
    return python if python.is_file() else None


def install(family: Family, report: Report = lambda _: None) -> Path:
    """Make the environment of a teacher, unless it is there, and return its interpreter.

    Parameters
    ----------
    family
        A teacher with `requirements`.
    report
        Called with a line for each step.

    Raises
    ------
    TeacherError
        If the teacher needs no environment of its own, or it cannot be made; the message has the
        last lines of the program that failed.
    OfflineError
        If the network is switched off.
    StorageError
        If the disk is full or cannot be written.
    """
    from registry.files import locked, storage_errors
    from registry.outputs import write_file
    from registry.removal import remove

    if not family.requirements:
        command = family.install or "it needs nothing but mlip-hub"
        raise TeacherError(
            f"teacher {family.name} has no environment of its own", f"Run: {command}"
        )
    folder = _folder(family)
    with locked(folder.with_name(folder.name + ".lock"), _once(report)):
        # Another process may have made it in the meantime.
        if python := installed(family):
            return python
        _require_network(family)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for unfinished in folder.iterdir():
                remove(unfinished)
        # In a folder that no process that survived an interruption is still writing to.
        place = folder / secrets.token_hex(8)
        report(f"making the environment of {family.name} in {place}")
        _run([sys.executable, "-m", "venv", str(place)], family)
        python = _python(place)
        report(f"installing {', '.join(family.requirements)}")
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        _run([*pip, "install", *family.requirements], family)
        _require_modules(python, (*_NEEDED, *family.modules), family.name)
        versions = _run([*pip, "freeze"], family).splitlines()
        content = {"folder": place.name, "packages": versions}
        write_file(folder / _READY, (json.dumps(content, indent=2) + "\n").encode())
    return python


def interpreter_of(family: Family, python: str | Path | None = None) -> str:
    """Return the interpreter that runs a teacher; empty for this one.

    Parameters
    ----------
    family
        The teacher.
    python
        The user's choice, if any.

    Raises
    ------
    TeacherError
        If the interpreter cannot be used, or the teacher's environment is not installed.
    """
    from registry.paths import user_path

    if python:
        chosen = user_path(python).absolute()  # not resolved: a link decides the environment
        _require_modules(chosen, (*_NEEDED, *family.modules), family.name)
        return str(chosen)
    if not family.requirements or not family.missing():
        return ""
    found = installed(family)
    if found is None:
        raise TeacherError(
            f"teacher {family.name} runs in an environment of its own, which is not installed",
            f"Run: {family.install}. Or give the Python of one that has "
            f"{' and '.join(family.modules)} with --python PATH.",
        )
    return str(found)


def _require_modules(python: Path, modules: Sequence[str], name: str) -> None:
    """Refuse an interpreter that is too old, or cannot find modules."""
    code = (
        "import json, sys; from importlib.util import find_spec; "
        "missing = [name for name in sys.argv[1:] if find_spec(name) is None]; "
        "print(json.dumps([sys.version_info[:2] >= (3, 11), missing, "
        "'numpy' in missing or find_spec('numpy._core') is not None]))"
    )
    try:
        done = subprocess.run(  # noqa: S603 - what the user asked for
            [str(python), "-c", code, *modules],
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        is_new, missing, can_exchange = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as problem:
        raise TeacherError(
            f"{python} is not a Python interpreter that runs: {problem}",
            "Give the path of bin/python of an environment.",
        ) from problem
    if not is_new:
        raise TeacherError(f"{python} is older than Python 3.11", "Give a newer one.")
    if missing:
        raise TeacherError(
            f"{python} cannot import {' and '.join(missing)}, which teacher {name} requires",
            f"Install it there: {python} -m pip install PACKAGE",
        )
    if not can_exchange:
        raise TeacherError(
            f"the NumPy of {python} cannot read the structures that are sent to it",
            f"Install NumPy 1.26 or newer there: {python} -m pip install 'numpy>=1.26'",
        )


def _run(command: list[str], family: Family) -> str:
    """Run a program, and return what it printed."""
    try:
        done = subprocess.run(  # noqa: S603 - venv and pip
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as problem:
        raise TeacherError(f"{command[0]} cannot be run: {problem}") from problem
    if done.returncode:
        said = "\n".join(line for line in done.stdout.splitlines() if line.strip())
        raise TeacherError(
            f"the environment of {family.name} cannot be made: `{' '.join(command[1:4])} ...` "
            f"failed:\n{said[-_SHOWN:]}",
            "Check the network and the disk space, and try again. Or create an environment with "
            f"{' '.join(family.requirements)} yourself, and give --python PATH.",
        )
    return done.stdout


def _environment() -> dict[str, str]:
    """Return the environment variables without those that lead to packages of this process."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _require_network(family: Family) -> None:
    from hub.settings import load_settings

    if load_settings().offline:
        raise OfflineError(
            f"the environment of {family.name} needs the network, which is switched off",
            "Unset HUB_OFFLINE, or give --python PATH of an environment that has it.",
        )


def _once(report: Report) -> Callable[[], None]:
    """Return a function that reports, at its second call, that another process is at work."""
    calls = 0

    def waiting() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            report("waiting for another process that is making this environment")

    return waiting


def _folder(family: Family) -> Path:
    from hub.settings import load_settings

    wanted = "\n".join(
        (*family.requirements, f"python {sys.version_info[0]}.{sys.version_info[1]}")
    )
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    return load_settings().home / "environments" / f"{family.name}-{digest}"


def _python(place: Path) -> Path:
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
