"""Write the guide to all commands from the ``--help`` of every command.

``python .ci/cli_reference.py`` writes it; with ``--check`` it fails if the guide is out of date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.main import hub

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDE = Path(__file__).parents[1] / "hub" / "guide" / "commands.md"
HEAD = """\
# Commands

Every command with its options, as `--help` prints them.
"""
WIDTH = 88


def helps(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield path and help of a command and of all below it."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from helps(below, _context(below, name, context))


def reference() -> str:
    """Return the guide as Markdown."""
    commands = (
        f"## `{path}`\n\n```text\n{text}\n```\n"
        for path, text in helps(hub, _context(hub, "hub", None))
    )
    return "\n".join([HEAD, *commands])


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = {"terminal_width": WIDTH, "max_content_width": WIDTH, **command.context_settings}
    return click.Context(command, info_name=name, parent=parent, **settings)


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the guide is out of date")
    wanted = reference()
    if parser.parse_args().check:
        if not GUIDE.is_file() or GUIDE.read_text(encoding="utf-8") != wanted:
            sys.exit(f"{GUIDE.name} is out of date: run `python .ci/cli_reference.py`")
    else:
        GUIDE.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
