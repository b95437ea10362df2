"""Segments: data of an unfinished dataset besides its shards, to resume after a kill.

When atoms fill a shard, everything that is not in a shard yet is written to one file, a *segment*:
the rows of the structures since the previous segment, the last atoms, and the cursor by which the
caller finds the position in its input. A segment is written atomically.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.documents import parse_json
from registry.errors import IntegrityError
from registry.files import storage_errors
from registry.outputs import write_file
from registry.removal import entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

_SUFFIX = ".npz"
NAMES = re.compile(rf"\d{{6}}{re.escape(_SUFFIX)}")


@dataclass
class Segment:
    """Some consecutive structures of an unfinished dataset.

    Attributes
    ----------
    blocks
        For each block, its per-structure arrays, by name.
    tails
        The rows of the per-atom arrays that do not fill a shard yet, by name.
    facts
        Cursor and totals so far; JSON.
    """

    blocks: list[dict[str, npt.NDArray[Any]]]
    tails: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Write a numpy archive."""
        buffer = BytesIO()
        arrays = {f"tail:{name}": values for name, values in self.tails.items()}
        for number, block in enumerate(self.blocks):
            arrays |= {f"{number}:{name}": values for name, values in block.items()}
        np.savez(buffer, allow_pickle=False, facts=np.array(json.dumps(self.facts)), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_file(cls, path: Path) -> Segment:
        """Read what `to_bytes` wrote."""
        with storage_errors(path):
            data = path.read_bytes()
        parts: dict[str, dict[str, npt.NDArray[Any]]] = {"tail": {}}
        try:
            with np.load(BytesIO(data), allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            facts = parse_json(str(arrays.pop("facts")).encode())
            for key, values in arrays.items():
                part, _, name = key.partition(":")
                parts.setdefault(part, {})[name] = values
            tails = parts.pop("tail")
            blocks = [parts[part] for part in sorted(parts, key=int)]
        except Exception as problem:  # zip, numpy and json raise various errors
            raise IntegrityError(
                f"{path} is corrupted: {problem}", "Import again from the start, without --resume."
            ) from problem
        return cls(blocks, tails, facts)


class Segments:
    """The segments of one unfinished dataset, in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.count = len(self.paths())

    def add(self, segment: Segment) -> None:
        """Store a segment permanently."""
        path = self.directory / f"{self.count:06d}{_SUFFIX}"
        write_file(path, segment.to_bytes())
        self.count += 1

    def last(self) -> Segment | None:
        """Return the newest segment, if any."""
        return Segment.from_file(self.paths()[-1]) if self.count else None

    def __iter__(self) -> Iterator[Segment]:
        for path in self.paths():
            yield Segment.from_file(path)

    def paths(self) -> list[Path]:
        """Return their files, in order."""
        return list(entries(self.directory, NAMES))
