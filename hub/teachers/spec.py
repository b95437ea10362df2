"""Which teacher, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.errors import TeacherError
from hub.teachers.families import check_options, family_of
from registry.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class TeacherSpec:
    """Which teacher, in plain values: it is written down, and sent to other processes.

    Attributes
    ----------
    family
        The name of a family, with its argument where it takes one: ``kim:MODEL``,
        ``ase:package.module.Class`` for any ASE calculator, ``model:REFERENCE`` for a model of
        the registry.
    parameters
        The parameter file, absolute; none if empty.
    options
        JSON values for the family, such as a calculator's arguments.
    """

    family: str
    parameters: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def parse_teacher(
    text: str, parameters: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> TeacherSpec:
    """Return the specification of what a person typed; nothing is loaded.

    Parameters
    ----------
    text
        The family, such as ``lcbop`` or ``kim:MODEL``.
    parameters
        The parameter file, for families that need one.
    options
        JSON values for the family.

    Raises
    ------
    TeacherError
        If there is no such teacher or option, or the parameter file is missing or not wanted.
    """
    family, _ = family_of(text)
    check_options(family, options or ())
    if family.parameters == "none" and parameters:
        raise TeacherError(f"teacher {text} takes no parameter file", "Leave --params out.")
    if family.parameters == "required" and not parameters:
        raise TeacherError(f"teacher {text} needs its parameter file", "Give --params FILE.")
    path = user_path(parameters).absolute() if parameters else None
    if path and not path.is_file():
        raise TeacherError(f"there is no parameter file {path}", "Check the path of --params.")
    return TeacherSpec(text, str(path or ""), dict(options or {}))


def specify(
    teacher: TeacherSpec | str,
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> TeacherSpec:
    """Return the specification that is given, or that of a family, parameter file and options.

    Raises
    ------
    TeacherError
        As `parse_teacher` does, or if a specification and more is given.
    """
    if isinstance(teacher, str):
        return parse_teacher(teacher, params, arguments)
    if params is not None or arguments is not None:
        raise TeacherError(
            "a TeacherSpec has its own parameters and options", "Leave out params and arguments."
        )
    return teacher
