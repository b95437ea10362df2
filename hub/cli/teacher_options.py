"""The options that choose a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hub.cli.arguments import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.teachers.spec import TeacherSpec


def _complete_teachers(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    from hub.teachers.families import families

    return [
        CompletionItem(f"{family.name}:" if family.argument else family.name, help=family.summary)
        for family in families()
        if family.name.startswith(incomplete)
    ]


_OPTIONS = (
    click.option(
        "--teacher",
        required=True,
        metavar="NAME",
        shell_complete=_complete_teachers,
        help="What labels: lcbop, nep, kim:MODEL ...; `hub teachers` lists them.",
    ),
    click.option("--params", type=click.Path(), metavar="FILE", help="Its parameter file."),
    click.option(
        "--arguments",
        type=JsonObject(),
        metavar="JSON",
        help="Its options, as '{\"name\": value}'.",
    ),
)


def teacher_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--teacher``, ``--params`` and ``--arguments``, for `chosen_teacher`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_teacher(
    teacher: str, params: str | None, arguments: dict[str, Any] | None
) -> TeacherSpec:
    """Return the specification that the options amount to.

    Raises
    ------
    TeacherError
        As `hub.teachers.spec.parse_teacher` does.
    """
    from hub.teachers.spec import parse_teacher

    return parse_teacher(teacher, params, arguments)
