"""ASE calculators made by a function in a file of the user's: ``ase:FILE.py:factory``.

The file is code. Its name is taken from the command line or from Python only: whatever reads a
teacher from a card, a run folder or a recipe has to refuse it if :func:`names_file`.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from hub.errors import TeacherError
from hub.teachers.family import Description

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase.calculators.calculator import Calculator

# The option with the sha256 that the file had when the teacher was chosen.
DIGEST = "sha256"
_FILE = re.compile(r"ase:(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)", re.DOTALL)


def names_file(teacher: str) -> bool:
    """Whether a teacher is a function in a file, which would be executed."""
    return _FILE.fullmatch(teacher) is not None


def located(argument: str) -> tuple[Path, str]:
    """Return the file of ``FILE.py:factory``, and the teacher with its absolute path.

    Raises
    ------
    TeacherError
        If there is no such file.
    """
    from registry.paths import user_path

    path, name = _parts(argument)
    file = user_path(path).absolute()
    if not file.is_file():
        raise TeacherError(
            f"{file} not found", "Write ase:FILE.py:FUNCTION with the path of a Python file."
        )
    return file, f"ase:{file}:{name}"


def build_from_file(argument: str, options: Mapping[str, Any]) -> Calculator:
    """Execute the file, and return what the function makes of the options.

    Raises
    ------
    TeacherError
        If the file has changed, the function does not exist, or it does not return a calculator.
    """
    path, name = _parts(argument)
    module = _executed(path, options[DIGEST])
    factory = getattr(module, name, None)
    if not callable(factory):
        known = [each for each, value in vars(module).items() if callable(value) and each[0] != "_"]
        raise TeacherError(
            f"{path} has no function {name}", f"It has: {', '.join(known) or 'none'}."
        )
    calculator: Calculator = factory(
        **{key: value for key, value in options.items() if key not in (DIGEST, "class")}
    )
    if not hasattr(calculator, "implemented_properties"):
        raise TeacherError(
            f"{name} of {path} returns {type(calculator).__name__}, which is not an ASE calculator"
        )
    return calculator


def describe_file(argument: str) -> Description:
    """Return the file, whose sha256 belongs to the labels; the elements are unknown."""
    path, name = _parts(argument)
    return Description(files=(path,), name=f"ase:{path.name}:{name}")


def _executed(path: Path, digest: str) -> ModuleType:
    """Return the module, if the file still is the one that was chosen."""
    try:
        code = path.read_bytes()
    except OSError as problem:
        raise TeacherError(f"{path} cannot be read: {problem}") from problem
    if hashlib.sha256(code).hexdigest() != digest:
        raise TeacherError(
            f"{path} has changed since the teacher was chosen",
            "Restore it, or start again with the changed file.",
        )
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    beside = str(path.parent)
    sys.path.append(beside)  # the file may import others beside it
    try:
        exec(compile(code, path, "exec"), vars(module))  # noqa: S102 - the user's own file
    finally:
        sys.path.remove(beside)
    return module


def _parts(argument: str) -> tuple[Path, str]:
    found = _FILE.fullmatch(f"ase:{argument}")
    if found is None:
        raise TeacherError(f"invalid teacher 'ase:{argument}'", "Write ase:FILE.py:FUNCTION.")
    return Path(found["file"]), found["name"]
