"""Options that choose a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hub.cli.arguments import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable


def _complete_teachers(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    from hub.teachers.families import list_teachers

    return [
        CompletionItem(f"{family.name}:" if family.argument else family.name, help=family.summary)
        for family in list_teachers()
        if family.name.startswith(incomplete)
    ]


_OPTIONS = (
    click.option(
        "--teacher",
        required=True,
        metavar="NAME",
        shell_complete=_complete_teachers,
        help="Teacher: lcbop, nep, model:NAME, ase:FILE.py:FUNCTION ...; `hub teachers` lists "
        "them.",
    ),
    click.option(
        "--params", type=click.Path(), metavar="FILE", help="Parameter file of the teacher."
    ),
    click.option(
        "--python",
        type=click.Path(),
        metavar="PATH",
        help="Python interpreter of another environment that has the teacher, numpy and ASE.",
    ),
    click.option(
        "--arguments",
        type=JsonObject(),
        metavar="JSON",
        help="Options of the teacher, as '{\"name\": value}'.",
    ),
)


def teacher_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--teacher`` and the options of `teacher_settings` to a command."""
    return _OPTIONS[0](teacher_settings(command))


def teacher_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--params``, ``--python`` and ``--arguments`` to a command."""
    for option in reversed(_OPTIONS[1:]):
        command = option(command)
    return command
