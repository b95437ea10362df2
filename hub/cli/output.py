r"""Results on stdout, messages on stderr; tables for people, JSON for programs.

The only module that prints. Names, cards and file names come from others: control and invisible
characters are printed as escapes such as ``\x1b``.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from hub import sizes
from hub.visible import escape_unusual, one_line, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.errors import RegistryError


_WIDEST_TEXT = 100  # columns; longer lines are hard to read

human_size = sizes.human_size


def accept_any_text() -> None:
    """Escape characters that the encoding of stdout lacks, as on stderr."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def is_quiet() -> bool:
    """Whether ``--quiet`` was given to this invocation."""
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().params.get("quiet"))


def message(text: str) -> None:
    """Print a message on stderr, unless ``--quiet``."""
    if not is_quiet():
        _tell(text)


def _tell(text: str) -> None:
    click.echo(visible(text), err=True)


def result(text: str) -> None:
    """Print a result on stdout."""
    click.echo(visible(text))


def result_json(value: Any) -> None:
    """Print a result on stdout as JSON."""
    from json import dumps

    text = dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    # Unusual characters occur only in strings, where JSON has its own escapes.
    click.echo(escape_unusual(text, lambda char: dumps(char)[1:-1]))


def result_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a plain aligned table on stdout, without importing a library."""
    lines = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def result_markdown(text: str) -> None:
    """Print one of our Markdown texts, formatted for a terminal."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(visible(text)), width=min(console.width, _WIDEST_TEXT))


def error(failure: RegistryError) -> None:
    """Print an error and its hint on stderr."""
    # Indented, no further line can look like one of ours.
    indented = failure.message.replace("\n", "\n    ")
    _tell(f"error: {indented}")
    if failure.hint:
        _tell(f"hint: {failure.hint}")


def usage_error(failure: click.ClickException) -> None:
    """Print a usage error, which may quote any argument, on stderr."""
    told = StringIO()
    failure.show(told)
    click.echo(visible(told.getvalue()), err=True, nl=False)


@contextmanager
def telling_warnings() -> Iterator[None]:
    """Print warnings of Python and libraries as messages in our format."""
    import logging

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                text = record.getMessage()
            except (TypeError, ValueError):  # its arguments do not fit it
                text = str(record.msg)
            _tell(f"{record.levelname.lower()}: {text}")

    def tell(text: Warning | str, *_: Any, **__: Any) -> None:
        message(f"warning: {text}")

    teller = Teller(logging.ERROR if is_quiet() else logging.WARNING)
    logging.getLogger().addHandler(teller)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = tell  # type: ignore[assignment]  # takes further arguments
            yield
    finally:
        logging.getLogger().removeHandler(teller)


def shows_progress() -> bool:
    """Whether to show progress bars: only at a terminal."""
    return sys.stderr.isatty() and not is_quiet()
