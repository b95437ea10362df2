"""CSV files of rows of names and values."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

from registry.outputs import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows under a header of their names, the whole file or nothing.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())
