r"""Results on stdout, messages on stderr; tables for people, JSON for programs.

The only module that prints. Names, cards and file names come from others: control and invisible
characters are printed as escapes such as ``\x1b``.
"""

from __future__ import annotations

import re
import sys
import unicodedata
import warnings
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from hub import sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.errors import RegistryError


# Letters and marks that are printable by category but invisible.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_BLANK_BLOCK = range(0xE0000, 0xE1000)
_WIDEST_TEXT = 100  # columns; longer lines are hard to read
_UNUSUAL = re.compile(r"[^ -~]")
_UNUSUAL_IN_TEXT = re.compile(r"[^ -~\n\t]")

human_size = sizes.human_size


def one_line(text: str) -> str:
    """Escape all control and invisible characters, including line breaks."""
    return _UNUSUAL.sub(_escaped, text)


def visible(text: str) -> str:
    """Escape control and invisible characters except line breaks and tabs."""
    return _UNUSUAL_IN_TEXT.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return char if _is_harmless(char) else char.encode("unicode_escape").decode()


def _is_harmless(char: str) -> bool:
    """Whether a character is visible: no control, direction mark or half of a surrogate pair."""
    shown = char.isprintable() or unicodedata.category(char) == "Zs"
    return shown and char not in _BLANK and ord(char) not in _BLANK_BLOCK


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
    click.echo(_UNUSUAL_IN_TEXT.sub(_escaped_in_json, text))


def _escaped_in_json(found: re.Match[str]) -> str:
    from json import dumps

    return found[0] if _is_harmless(found[0]) else dumps(found[0])[1:-1]


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
