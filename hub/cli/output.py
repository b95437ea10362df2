"""Results on stdout, messages on stderr; tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.errors import RegistryError


def is_quiet() -> bool:
    """Whether ``--quiet`` was given to this invocation."""
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().params.get("quiet"))


def message(text: str) -> None:
    """Tell a person on stderr, unless ``--quiet``."""
    if not is_quiet():
        click.echo(text, err=True)


def result(text: str) -> None:
    """Print a result on stdout."""
    click.echo(text)


def result_json(value: Any) -> None:
    """Print a result on stdout as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def result_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a plain aligned table on stdout: readable, and cheap to import."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def error(failure: RegistryError) -> None:
    """Say on stderr what went wrong and what to do next."""
    click.echo(f"error: {failure.message}", err=True)
    if failure.hint:
        click.echo(f"hint: {failure.hint}", err=True)


def human_size(count: int) -> str:
    """Write a number of bytes as people do."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def shows_progress() -> bool:
    """Progress bars are for people at a terminal only."""
    return sys.stderr.isatty() and not is_quiet()
