"""Spellings of the previous release, which still work in this one.

An old spelling is replaced by the new one, with a note. Where it now means something else, an
error names the new spelling instead.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

import click

from hub.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMANDS = {"diff": "evaluate"}
_OPTIONS = {
    "pull": {"--to": "--out"},
    "export": {"--to": "--format"},
    "relabel": {"--as": "--labels"},
    "synthesize": {"--element": "--formula"},
    "diff": {"--out": "--plot"},
    "finetune": {"--map": "--element-map", "--max-epochs": "--epochs"},
    "pretrain": {"--n": "--n-train", "--max-epochs": "--epochs"},
    "learning-curve": {"--max-epochs": "--epochs"},
    "transmute": {"--map": "--element-map", "--registry": "--to"},
    "overlap": {"--map": "--element-map"},
}
_RESUMED_BY_FLAG = {"finetune", "pretrain"}
_ELEMENTS = re.compile(r"[A-Z][a-z]?(,[A-Z][a-z]?)*")


def present_spelling(arguments: list[str]) -> list[str]:
    """Return a command and its arguments in the current spelling.

    Raises
    ------
    click.UsageError
        If an old spelling now has another meaning.
    """
    if not arguments:
        return arguments
    command, *given = arguments
    split = given.index("--") if "--" in given else len(given)
    _require_new_meaning(command, given[:split])
    plain = given[:split]
    kept = {"--to"} if command == "export" and _exports_to_hub(plain) else ()
    renamed = [
        each if each.partition("=")[0] in kept else _renamed(command, each) for each in plain
    ]
    if command in _COMMANDS:
        output.message(f"note: hub {command} is now hub {_COMMANDS[command]}")
    return [_COMMANDS.get(command, command), *renamed, *given[split:]]


def _exports_to_hub(given: list[str]) -> bool:
    from registry.huggingface.addresses import is_address  # slow to import

    return any(map(is_address, _values(given, "--to")))


def _renamed(command: str, argument: str) -> str:
    option, equals, value = argument.partition("=")
    new = _OPTIONS.get(command, {}).get(option)
    if new is None:
        return argument
    output.message(f"note: {option} is now {new}")
    return f"{new}{equals}{value}"


def _require_new_meaning(command: str, given: list[str]) -> None:
    if command in _RESUMED_BY_FLAG:
        for folder in _values(given, "--resume"):
            raise click.UsageError(f"--resume is now a flag: write --out {folder} --resume")
    if command == "transmute":
        for value in _values(given, "--to"):
            if _ELEMENTS.fullmatch(value):
                raise click.UsageError(
                    f"--to now names a registry: write --element {value} for the new element"
                )


def _values(given: list[str], option: str) -> Iterator[str]:
    """Yield the values of an option; another option is not a value."""
    for argument, following in zip_longest(given, given[1:], fillvalue="-"):
        name, _, value = argument.partition("=")
        if name == option and value:
            yield value
        elif argument == option and not following.startswith("-"):
            yield following
