"""``hub teachers``: list the teachers that can label structures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import json_option

if TYPE_CHECKING:
    from hub.teachers.family import Family


@click.command(name="teachers")
@click.argument("name", default="")
@click.option(
    "--install",
    is_flag=True,
    help="Create a separate environment for NAME, if it cannot share mlip-hub's.",
)
@json_option
def command(name: str, install: bool, as_json: bool) -> None:
    """List the teachers: potentials and codes that label structures.

    With NAME, show one of them in detail. With --install, create a virtual environment for it in
    HUB_HOME from pinned requirements, and print its interpreter; the teacher then runs there. This
    requires network access. If the installation is interrupted, run the same command again.
    """
    from hub.teachers.families import family_named, list_teachers

    if install:
        from hub.teachers.environments import install as make

        if not name:
            raise click.UsageError("Give the NAME of the teacher to install.")
        output.result(str(make(family_named(name), output.message)))
    elif name:
        _show(family_named(name), as_json)
    elif as_json:
        output.result_json([_facts(family) for family in list_teachers()])
    else:
        _list(list_teachers())


def _list(rows: tuple[Family, ...]) -> None:
    output.result_table(
        ["TEACHER", "ELEMENTS", "LICENCE", "CITATION", "USABLE HERE"],
        [
            [
                _usage(family),
                " ".join(family.elements) or _source_of_elements(family),
                family.licence,
                family.citation.removeprefix("https://"),
                "yes" if family.is_usable else f"no: {family.install}",
            ]
            for family in rows
        ],
    )


def _show(family: Family, as_json: bool) -> None:
    facts = _facts(family)
    if as_json:
        output.result_json(facts)
        return
    lines = {
        "teacher": _usage(family),
        "summary": family.summary,
        "warning": family.warning,
        "elements": " ".join(family.elements) or _source_of_elements(family),
        "licence": family.licence,
        "citation": family.citation,
        "environment": f"its own: {', '.join(family.requirements)}" if family.requirements else "",
        "usable here": "yes" if family.is_usable else f"no: {family.install}",
    }
    for key, text in lines.items():
        if text:
            output.result(f"{key + ':':<13}{text}")
    if family.options:
        output.result("options (--arguments '{\"name\": value}'):")
    for option, meaning in family.options.items():
        output.result(f"  {option:<11}{meaning}")


def _usage(family: Family) -> str:
    return family.usage + (" --params FILE" if family.parameters == "required" else "")


def _source_of_elements(family: Family) -> str:
    if not family.argument and family.parameters == "none":
        return "those of the model"
    return f"those of {family.argument.upper() or 'FILE'}"


def _facts(family: Family) -> dict[str, Any]:
    return {
        "name": family.name,
        "usage": _usage(family),
        "summary": family.summary,
        "usable": family.is_usable,
        "install": family.install,
        "requirements": list(family.requirements),
        "elements": list(family.elements),
        "options": dict(family.options),
        "licence": family.licence,
        "citation": family.citation,
        "warning": family.warning,
    }
