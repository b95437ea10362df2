"""Any ASE calculator, by the dotted path of its class, or by a function in a file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions, version
from typing import TYPE_CHECKING, Any

from hub.errors import TeacherError
from hub.teachers.family import Description
from hub.teachers.file_factory import build_from_file, describe_file, names_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ase.calculators.calculator import Calculator


def build(parameters: Path | None, options: Mapping[str, Any]) -> Calculator:  # noqa: ARG001
    """Return an instance of the class, with the other options as arguments.

    Raises
    ------
    TeacherError
        If the class is not found, or is not a calculator.
    """
    path = options["class"]
    if names_file(f"ase:{path}"):
        return build_from_file(path, options)
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as problem:
        raise TeacherError(
            f"class {path} not found: {problem}",
            "Give package.module.Class of an installed package, e.g. ase.calculators.emt.EMT, or "
            "FILE.py:FUNCTION.",
        ) from problem
    calculator: Calculator = kind(**{key: options[key] for key in options if key != "class"})
    if not hasattr(calculator, "implemented_properties"):
        raise TeacherError(f"{path} is not an ASE calculator")
    return calculator


def describe(parameters: Path | None, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the version of the package, or the file; the elements that it covers are unknown."""
    if names_file(f"ase:{options['class']}"):
        return describe_file(options["class"])
    top = options["class"].partition(".")[0]
    packages = _distributions().get(top, [])
    return Description(versions={package: version(package) for package in packages})


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()  # reads the metadata of all installed packages
