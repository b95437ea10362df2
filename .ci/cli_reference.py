"""Write the command-line reference in README.md from the ``--help`` of every command.

``python .ci/cli_reference.py`` writes it, with ``--check`` it fails where the README is behind.
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

README = Path(__file__).parents[1] / "README.md"
START = "<!-- cli-reference:start -->\n"
END = "<!-- cli-reference:end -->\n"
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
    """Return the reference as Markdown."""
    return "\n".join(
        f"### `{path}`\n\n```text\n{text}\n```\n"
        for path, text in helps(hub, _context(hub, "hub", None))
    )


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    settings = {"terminal_width": WIDTH, "max_content_width": WIDTH, **command.context_settings}
    return click.Context(command, info_name=name, parent=parent, **settings)


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if README.md differs")
    check = parser.parse_args().check
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    if not after:
        sys.exit(f"{README} lacks {START.strip()} or {END.strip()}, or ends with it")
    wanted = f"{before}{START}\n{reference()}\n{END}{after}"
    if text == wanted:
        return
    if check:
        sys.exit("README.md is behind `hub --help`: run `python .ci/cli_reference.py`")
    README.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
