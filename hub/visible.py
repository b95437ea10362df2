r"""Text of others, such as names and comments, made visible: unusual characters as ``\x1b``."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Letters and marks that are printable by category but invisible.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_BLANK_BLOCK = range(0xE0000, 0xE1000)
_UNUSUAL = re.compile(r"[^ -~]")
_UNUSUAL_IN_TEXT = re.compile(r"[^ -~\n\t]")


def one_line(text: str) -> str:
    """Escape all control and invisible characters, including line breaks."""
    return _UNUSUAL.sub(_escaped, text)


def visible(text: str) -> str:
    """Escape control and invisible characters except line breaks and tabs."""
    return _UNUSUAL_IN_TEXT.sub(_escaped, text.replace("\r\n", "\n"))


def escape_unusual(text: str, escaped: Callable[[str], str]) -> str:
    """Escape by `escaped` what `visible` escapes."""
    return _UNUSUAL_IN_TEXT.sub(
        lambda found: found[0] if _is_harmless(found[0]) else escaped(found[0]), text
    )


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    return char if _is_harmless(char) else char.encode("unicode_escape").decode()


def _is_harmless(char: str) -> bool:
    """Whether a character is visible: no control, direction mark or half of a surrogate pair."""
    shown = char.isprintable() or unicodedata.category(char) == "Zs"
    return shown and char not in _BLANK and ord(char) not in _BLANK_BLOCK
