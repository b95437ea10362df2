"""Paths written by users."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable


def user_path(text: str | Path, setting: str = "") -> Path:
    """Return the path that a user wrote; expand ``~`` and ``~name`` to home directories.

    Parameters
    ----------
    text
        The path as written.
    setting
        The setting in which it was written, for messages.

    Raises
    ------
    SettingsError
        If there is no such home directory, or the name is invalid.
    """
    try:
        path = Path(text).expanduser()
        if b"\0" in os.fsencode(path):
            raise ValueError("it contains a NUL character")  # noqa: TRY301 - as the others
    except (RuntimeError, ValueError) as problem:
        where = f"{setting}: " if setting else ""
        raise SettingsError(
            f"{where}the path {str(text)!r} cannot be used: {problem}", "Give an absolute path."
        ) from problem
    return path


def texts(
    names: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> tuple[str, ...]:
    """Return one name or several, such as files and references, as texts."""
    return (str(names),) if isinstance(names, str | os.PathLike) else tuple(map(str, names))
