"""The date that is noted with what is made."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from registry.errors import SettingsError

VARIABLE = "SOURCE_DATE_EPOCH"  # as other programs read it that can make the same again


def today() -> str:
    """Return today's date in UTC, as ``2026-01-31``; that of SOURCE_DATE_EPOCH if it is set.

    Raises
    ------
    SettingsError
        If SOURCE_DATE_EPOCH is not a number of seconds.
    """
    given = os.environ.get(VARIABLE)
    if not given:
        return datetime.now(UTC).date().isoformat()
    try:
        return datetime.fromtimestamp(int(given), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError) as problem:
        raise SettingsError(
            f"{VARIABLE} is {given[:40]!r}", "Set it to seconds since 1970-01-01, or unset it."
        ) from problem
