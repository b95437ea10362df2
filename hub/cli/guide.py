"""``hub guide``: list and show the guides."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem

from hub.cli import output
from hub.cli.arguments import json_option
from hub.guides import guide


def _complete(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Complete guide names."""
    return [
        CompletionItem(name, help=summary)
        for name, summary in guide().items()
        if name.startswith(incomplete)
    ]


@click.command(name="guide")
@click.argument("name", default="", shell_complete=_complete)
@json_option
def command(name: str, as_json: bool) -> None:
    """List the guides with a one-line summary each.

    With NAME, show that guide, as plain Markdown when the output is redirected.
    """
    if not name:
        _list(as_json)
    elif as_json:
        output.result_json({"name": name, "text": guide(name)})
    elif sys.stdout.isatty():
        output.result_markdown(guide(name))
    else:
        output.result(guide(name).rstrip("\n"))


def _list(as_json: bool) -> None:
    guides = guide()
    if as_json:
        output.result_json([{"name": name, "summary": text} for name, text in guides.items()])
    else:
        output.result_table(["GUIDE", "SUMMARY"], guides.items())
