"""The guides: short texts that ship with the package, one topic each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import overload

from registry.errors import NotFoundError

_FOLDER = Path(__file__).with_name("guide")
_SUFFIX = ".md"
# What follows the language of a fenced block tells the tests how to run it.
_INSTRUCTIONS = re.compile(r"^(```\w+) .+$", re.MULTILINE)


@overload
def guide() -> dict[str, str]: ...
@overload
def guide(name: str) -> str: ...
def guide(name: str | None = None) -> dict[str, str] | str:
    """Return the text of a guide, or what guides there are.

    Parameters
    ----------
    name
        Such as ``fine-tuning``. Without it, every name with a one-line summary is returned.

    Returns
    -------
    dict or str
        Summaries by name, in alphabetical order; with `name` the guide as Markdown.

    Raises
    ------
    NotFoundError
        If no guide has this name.
    """
    if name is None:
        return {each: _summary(_text(each)) for each in _names()}
    names = _names()
    if name not in names:
        from difflib import get_close_matches

        near = get_close_matches(name, names)
        raise NotFoundError(
            f"no guide '{name}' found",
            f"Did you mean {' or '.join(near)}?" if near else "`hub guide` lists the guides.",
        )
    return _text(name)


def _names() -> list[str]:
    found = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


def _text(name: str) -> str:
    text = (_FOLDER / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    return _INSTRUCTIONS.sub(r"\1", text)


def _summary(text: str) -> str:
    """Return the paragraph below the title, on one line."""
    _title, summary, *_ = text.split("\n\n", maxsplit=2)
    return " ".join(summary.split())
