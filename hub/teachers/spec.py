"""Specification of a teacher, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.errors import TeacherError
from hub.teachers.environments import interpreter_of
from hub.teachers.families import check_options, family_of
from hub.teachers.file_factory import DIGEST, located, names_file
from registry.files import sha256_of
from registry.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class TeacherSpec:
    """Specification of a teacher in plain values, which can be stored and sent to processes.

    Attributes
    ----------
    family
        The name of a family, with its argument if it takes one: ``kim:MODEL``,
        ``ase:package.module.Class`` for any ASE calculator, ``model:REFERENCE`` for a model of
        the registry.
    parameters
        Absolute path of the parameter file; empty if there is none.
    options
        JSON values for the family, such as a calculator's arguments.
    python
        Interpreter of the environment in which it runs; empty for this one.
    """

    family: str
    parameters: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    python: str = ""


def parse_teacher(
    text: str,
    parameters: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
) -> TeacherSpec:
    """Return the specification for the user's input; nothing is loaded.

    Parameters
    ----------
    text
        The family, e.g. ``lcbop`` or ``kim:MODEL``.
    parameters
        The parameter file, for families that need one.
    options
        JSON values for the family.
    python
        Interpreter of the environment in which it runs. By default this one, or the one that
        `hub.teachers.environments.install` made.

    Raises
    ------
    TeacherError
        If the teacher or an option is unknown, the parameter file is missing or not expected, or
        its environment is not installed.
    """
    family, argument = family_of(text)
    check_options(family, options or ())
    if family.parameters == "none" and parameters:
        raise TeacherError(f"teacher {text} takes no parameter file", "Omit --params.")
    if family.parameters == "required" and not parameters:
        raise TeacherError(f"teacher {text} requires a parameter file", "Give --params FILE.")
    path = user_path(parameters).absolute() if parameters else None
    if path and not path.is_file():
        raise TeacherError(f"parameter file {path} not found", "Check the path of --params.")
    chosen = dict(options or {})
    if names_file(text):
        file, text = located(argument)
        chosen.setdefault(DIGEST, sha256_of(file))
    return TeacherSpec(text, str(path or ""), chosen, interpreter_of(family, python))


def specify(
    teacher: TeacherSpec | str,
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
) -> TeacherSpec:
    """Return the given specification, or that of a family, parameter file and options.

    Raises
    ------
    TeacherError
        As in `parse_teacher`, or if a specification is combined with other arguments.
    """
    if isinstance(teacher, str):
        return parse_teacher(teacher, params, arguments, python)
    if params is not None or arguments is not None or python is not None:
        raise TeacherError(
            "a TeacherSpec has its own parameters, options and interpreter",
            "Omit params, arguments and python.",
        )
    return teacher
