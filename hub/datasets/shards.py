"""The arrays of a dataset on disk: written shard by shard, read in ranges of rows.

A shard is a file. Each is encoded in memory and written atomically, once, so that existing shards
are intact whenever the writer is killed; the metadata of the array are written last.

Zarr is imported when an array is written or opened: most commands read files of structures.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from hub.datasets import layout
from hub.datasets.layout import METADATA, REPAIR, WRITING, shard_path
from registry.documents import damage, fit, parse_json, read_bounded
from registry.errors import IntegrityError
from registry.files import write_atomically
from registry.outputs import require_file, require_real_way

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import zarr

# Level 3 is three times as fast as 5 on random floats, and 1 % larger.
_LEVEL = 3
# A shard ends with an offset and a length for each chunk, and their checksum.
_SLOT, _CHECKSUM, _ABSENT = 16, 4, 2**64 - 1


@dataclass(frozen=True)
class ArraySpec:
    """The specification of an array of any length.

    Attributes
    ----------
    name
        Its path in the group.
    dtype
        Type of its elements.
    row_shape
        Shape of one row; ``()`` for a flat array.
    per_atom
        Whether its rows are atoms; otherwise they are structures.
    """

    name: str
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...] = ()
    per_atom: bool = False

    @property
    def shard_rows(self) -> int:
        """The number of rows in a full shard."""
        return layout.SHARD_ATOMS if self.per_atom else layout.SHARD_STRUCTURES

    @property
    def fill(self) -> Any:
        """The value of absent rows."""
        return np.nan if self.dtype.kind == "f" else 0

    def create(self, content: dict[str, Any], rows: int, **attributes: Any) -> Any:
        """Write the metadata of the array into memory, and return the array."""
        import zarr
        from zarr.codecs import BloscCodec, Crc32cCodec
        from zarr.storage import MemoryStore

        chunk_rows = layout.CHUNK_ATOMS if self.per_atom else layout.CHUNK_STRUCTURES
        shuffle = BloscCodec(
            cname="zstd", clevel=_LEVEL, shuffle="shuffle", typesize=self.dtype.itemsize
        )
        return zarr.create_array(
            store=MemoryStore(content),
            name=self.name,
            shape=(rows, *self.row_shape),
            dtype=self.dtype,
            chunks=(chunk_rows, *self.row_shape),
            shards=(self.shard_rows, *self.row_shape),
            # Blosc does not detect a flipped bit; the checksum does, for any Zarr reader.
            compressors=[shuffle, Crc32cCodec()],
            fill_value=self.fill,
            attributes=attributes,
            # A missing chunk always means lost data, never zeros.
            config={"write_empty_chunks": True},
        )


class ShardWriter:
    """Collects the rows of one array, and writes each shard as soon as it is full.

    Parameters
    ----------
    group
        The directory of the dataset's group.
    spec
        The specification of the array.
    rows
        Number of rows already written in full shards.
    """

    def __init__(self, group: Path, spec: ArraySpec, rows: int = 0) -> None:
        self.group = group
        self.spec = spec
        self.written = rows
        self._waiting: list[npt.NDArray[Any]] = []
        self._n_waiting = 0

    def __len__(self) -> int:
        return self.written + self._n_waiting

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add rows at the end."""
        self._waiting.append(np.asarray(rows, self.spec.dtype).reshape(-1, *self.spec.row_shape))
        self._n_waiting += len(rows)
        if self._n_waiting >= self.spec.shard_rows:
            waiting = self.tail()
            whole = len(waiting) - len(waiting) % self.spec.shard_rows
            for start in range(0, whole, self.spec.shard_rows):
                self._write(waiting[start : start + self.spec.shard_rows])
            self._waiting, self._n_waiting = [waiting[whole:].copy()], len(waiting) - whole

    def pad_to(self, rows: int) -> None:
        """Add rows of the fill value until there are `rows`."""
        while len(self) < rows:
            count = min(rows - len(self), self.spec.shard_rows)
            self.append(np.full((count, *self.spec.row_shape), self.spec.fill, self.spec.dtype))

    def tail(self) -> npt.NDArray[Any]:
        """Return the rows that do not fill a shard yet."""
        empty = np.empty((0, *self.spec.row_shape), self.spec.dtype)
        return np.concatenate([empty, *self._waiting])

    def finish(self, **attributes: Any) -> None:
        """Write the last shard, full or not, and the metadata of the array."""
        if self._n_waiting:
            self._write(self.tail())
            self._waiting, self._n_waiting = [], 0
        content: dict[str, Any] = {}
        self.spec.create(content, self.written, **attributes)
        path = f"{self.spec.name}/{METADATA}"
        _put(self.group, path, content[path].to_bytes())

    def _write(self, rows: npt.NDArray[Any]) -> None:
        # An existing file was written by a killed process: the same rows, or truncated.
        shard = self.written // self.spec.shard_rows
        path = shard_path(self.spec.name, shard, 1 + len(self.spec.row_shape))
        _put(self.group, path, encode_shard(self.spec, rows))
        self.written += len(rows)


def encode_shard(spec: ArraySpec, rows: npt.NDArray[Any]) -> bytes:
    """Return the bytes of one shard."""
    content: dict[str, Any] = {}
    spec.create(content, len(rows))[:] = rows
    data: bytes = content[shard_path(spec.name, 0, rows.ndim)].to_bytes()
    return data


def write_group(root: Path, path: str = "", attributes: dict[str, Any] | None = None) -> None:
    """Write the metadata of a dataset's group, or of a group inside it."""
    content = {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}}
    _put(root, f"{path}/{METADATA}".lstrip("/"), json.dumps(content, indent=2).encode())


def read_group(root: Path, path: str = "") -> dict[str, Any]:
    """Return the attributes of a dataset's group, or of a group or array inside it.

    Raises
    ------
    IntegrityError
        If the metadata are missing or corrupted.
    """
    file = root / path / METADATA
    with damage(file, IntegrityError, REPAIR):
        return fit(parse_json(read_bounded(file)), _Metadata).attributes


class _Metadata(Struct):
    """The part of Zarr's metadata that we read ourselves."""

    attributes: dict[str, Any] = {}


def _put(group: Path, path: str, data: bytes) -> None:
    """Write a file of a dataset atomically."""
    # The temporary file of a killed writer is left outside the dataset.
    target = group / path
    require_real_way(target.parent, group.parent)
    require_file(target)
    write_atomically(target, data, group.parent / WRITING)


def open_group(directory: Path) -> zarr.Group:
    """Open the group of a dataset.

    Raises
    ------
    IntegrityError
        If there is none, or its metadata are corrupted.
    """
    import zarr
    from zarr.storage import LocalStore

    try:
        return zarr.open_group(LocalStore(directory, read_only=True), mode="r", zarr_format=3)
    except Exception as problem:  # zarr and json raise whatever they run into
        raise IntegrityError(
            f"no complete Zarr group found at {directory}: {problem or type(problem).__name__}",
            "Give the directory of a dataset, or pull it again.",
        ) from problem


def read_rows(array: zarr.Array[Any], start: int, stop: int, group: Path) -> npt.NDArray[Any]:
    """Read the rows from `start` to before `stop`.

    Raises
    ------
    MissingShardError
        If a shard that contains some of them is missing.
    IntegrityError
        If one is truncated or corrupted.
    """
    size = shard_rows(array, group)
    first, last = start // size, max(stop - 1, start) // size
    paths = [shard_path(array.path, shard, array.ndim) for shard in range(first, last + 1)]
    missing = [path for path in paths if stop > start and not (group / path).is_file()]
    if missing:
        # Zarr would return the fill value.
        raise MissingShardError(f"{missing[0]} is missing from {group}", missing[0])
    try:
        for shard, path in enumerate(paths, start=first):
            _require_chunks(array, shard, size, group / path)
        return np.asarray(array[start:stop])
    except Exception as problem:  # codecs raise whatever they run into
        name = paths[0] if len(paths) == 1 else f"one of {', '.join(paths)}"
        raise IntegrityError(
            f"{name} in {group} is truncated or corrupted ({problem or type(problem).__name__})",
            REPAIR,
        ) from problem


def _require_chunks(array: zarr.Array[Any], shard: int, size: int, path: Path) -> None:
    """Check the index at the end of a shard, because Zarr fills in missing chunks silently."""
    rows = min(size, array.shape[0] - shard * size)
    n_chunks, slots = -(-rows // array.chunks[0]), size // array.chunks[0]
    with path.open("rb") as file:
        file.seek(-(slots * _SLOT + _CHECKSUM), os.SEEK_END)
        index = np.frombuffer(file.read(n_chunks * _SLOT), "<u8")
    if (index == _ABSENT).any():
        raise ValueError("a chunk is missing")


def shard_rows(array: zarr.Array[Any], group: Path) -> int:
    """Return the number of rows in a full shard of an array."""
    if array.shards is None:
        raise IntegrityError(
            f"{array.path} in {group} has no shards", "It was not written by mlip-hub."
        )
    return int(array.shards[0])


class MissingShardError(IntegrityError):
    """A file of an array is missing.

    Parameters
    ----------
    message
        What is wrong and where.
    path
        The file, relative to the group.
    """

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message, "Pull the dataset again, with the label sets that you need.")
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.path)  # of its own arguments, not those of the base
