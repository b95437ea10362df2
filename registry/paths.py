"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable


def user_path(text: str | Path, setting: str = "") -> Path:
    """Return the path that a person means, with ``~`` and ``~name`` for home directories.

    Parameters
    ----------
    text
        What was written.
    setting
        Where it was written, for messages.

    Raises
    ------
    SettingsError
        If there is no such home directory, or no file can have such a name.
    """
    try:
        path = Path(text).expanduser()
        if b"\0" in os.fsencode(path):
            raise ValueError("it contains a NUL character")  # noqa: TRY301 - as the others
    except (RuntimeError, ValueError) as problem:
        where = f"{setting}: " if setting else ""
        raise SettingsError(
            f"{where}the path {str(text)!r} cannot be used: {problem}", "Write it out, from / on."
        ) from problem
    return path


def texts(names: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    """Return one name or several, such as files and references, as texts."""
    return (str(names),) if isinstance(names, str | Path) else tuple(map(str, names))
