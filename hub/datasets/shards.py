"""The arrays of a dataset on the disk: written shard by shard, read by stretches of rows.

A shard is a file. Each is encoded in memory and put into its place whole, once, so that what is
there is right whenever the writer is killed; the array's metadata comes last.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from msgspec import Struct
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import LocalStore, MemoryStore

from hub.datasets import layout
from hub.datasets.layout import METADATA, REPAIR, WRITING, shard_path
from registry.documents import damage, fit, parse_json, read_bounded
from registry.errors import IntegrityError
from registry.files import write_atomically
from registry.outputs import require_file, require_real_way

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

# Level 3 is three times as fast as 5 on random floats, and 1 % larger.
_LEVEL = 3
# A shard ends with an offset and a length for each chunk, and their checksum.
_SLOT, _CHECKSUM, _ABSENT = 16, 4, 2**64 - 1


@dataclass(frozen=True)
class ArraySpec:
    """What an array is like, whatever its length.

    Attributes
    ----------
    name
        Its path in the group.
    dtype
        Of its elements.
    row_shape
        Shape of one row; ``()`` for a flat array.
    per_atom
        Whether its rows are atoms; they are structures otherwise.
    """

    name: str
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...] = ()
    per_atom: bool = False

    @property
    def shard_rows(self) -> int:
        """The rows of a whole shard."""
        return layout.SHARD_ATOMS if self.per_atom else layout.SHARD_STRUCTURES

    @property
    def fill(self) -> Any:
        """What a row holds that was never given."""
        return np.nan if self.dtype.kind == "f" else 0

    def create(self, store: MemoryStore, rows: int, **attributes: Any) -> Any:
        """Write the metadata of the array, and return it."""
        chunk_rows = layout.CHUNK_ATOMS if self.per_atom else layout.CHUNK_STRUCTURES
        shuffle = BloscCodec(
            cname="zstd", clevel=_LEVEL, shuffle="shuffle", typesize=self.dtype.itemsize
        )
        return zarr.create_array(
            store=store,
            name=self.name,
            shape=(rows, *self.row_shape),
            dtype=self.dtype,
            chunks=(chunk_rows, *self.row_shape),
            shards=(self.shard_rows, *self.row_shape),
            # Blosc does not notice a flipped bit; the checksum does, for any Zarr reader.
            compressors=[shuffle, Crc32cCodec()],
            fill_value=self.fill,
            attributes=attributes,
            # A chunk that is not there is a loss, never a row of zeros.
            config={"write_empty_chunks": True},
        )


class ShardWriter:
    """Gathers the rows of one array, and writes each shard as soon as it is full.

    Parameters
    ----------
    group
        The directory of the dataset's group.
    spec
        What the array is like.
    rows
        How many rows have been written already, in whole shards.
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
        """Return the rows that fill no shard yet."""
        empty = np.empty((0, *self.spec.row_shape), self.spec.dtype)
        return np.concatenate([empty, *self._waiting])

    def finish(self, **attributes: Any) -> None:
        """Write the last shard, full or not, and the array's metadata."""
        if self._n_waiting:
            self._write(self.tail())
            self._waiting, self._n_waiting = [], 0
        content: dict[str, Any] = {}
        self.spec.create(MemoryStore(content), self.written, **attributes)
        path = f"{self.spec.name}/{METADATA}"
        _put(self.group, path, content[path].to_bytes())

    def _write(self, rows: npt.NDArray[Any]) -> None:
        # Whatever stands there was written by a predecessor that was killed: same rows, or cut.
        shard = self.written // self.spec.shard_rows
        path = shard_path(self.spec.name, shard, 1 + len(self.spec.row_shape))
        _put(self.group, path, encode_shard(self.spec, rows))
        self.written += len(rows)


def encode_shard(spec: ArraySpec, rows: npt.NDArray[Any]) -> bytes:
    """Return the bytes of one shard."""
    content: dict[str, Any] = {}
    spec.create(MemoryStore(content), len(rows))[:] = rows
    data: bytes = content[shard_path(spec.name, 0, rows.ndim)].to_bytes()
    return data


def write_group(root: Path, path: str = "", attributes: dict[str, Any] | None = None) -> None:
    """Write the metadata of a group inside a dataset's, or of that itself."""
    content = {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}}
    _put(root, f"{path}/{METADATA}".lstrip("/"), json.dumps(content, indent=2).encode())


def read_group(root: Path, path: str = "") -> dict[str, Any]:
    """Return the attributes of a group or array inside a dataset's, or of that itself.

    Raises
    ------
    IntegrityError
        If its metadata is missing or damaged.
    """
    file = root / path / METADATA
    with damage(file, IntegrityError, REPAIR):
        return fit(parse_json(read_bounded(file)), _Metadata).attributes


class _Metadata(Struct):
    """What we read of Zarr's metadata ourselves."""

    attributes: dict[str, Any] = {}


def _put(group: Path, path: str, data: bytes) -> None:
    """Write a file of a dataset, whole or not at all."""
    # A writer that is killed leaves its temporary file where it does not become part of it.
    target = group / path
    require_real_way(target.parent, group.parent)
    require_file(target)
    write_atomically(target, data, group.parent / WRITING)


def open_group(directory: Path) -> zarr.Group:
    """Open the group of a dataset.

    Raises
    ------
    IntegrityError
        If there is none, or its metadata is damaged.
    """
    try:
        return zarr.open_group(LocalStore(directory, read_only=True), mode="r", zarr_format=3)
    except Exception as problem:  # zarr and json raise whatever they run into
        raise IntegrityError(
            f"there is no whole Zarr group at {directory}: {problem or type(problem).__name__}",
            "Name the directory of a dataset, or pull it again.",
        ) from problem


def read_rows(array: zarr.Array[Any], start: int, stop: int, group: Path) -> npt.NDArray[Any]:
    """Read the rows from `start` to before `stop`.

    Raises
    ------
    MissingShardError
        If a shard that holds some of them is not there.
    IntegrityError
        If one is cut short or damaged.
    """
    size = shard_rows(array, group)
    first, last = start // size, max(stop - 1, start) // size
    paths = [shard_path(array.path, shard, array.ndim) for shard in range(first, last + 1)]
    missing = [path for path in paths if stop > start and not (group / path).is_file()]
    if missing:
        # Zarr would return the fill value.
        raise MissingShardError(f"{missing[0]} is not in {group}", missing[0])
    try:
        for shard, path in enumerate(paths, start=first):
            _require_chunks(array, shard, size, group / path)
        return np.asarray(array[start:stop])
    except Exception as problem:  # codecs raise whatever they run into
        name = paths[0] if len(paths) == 1 else f"one of {', '.join(paths)}"
        raise IntegrityError(
            f"{name} in {group} is cut short or damaged ({problem or type(problem).__name__})",
            REPAIR,
        ) from problem


def _require_chunks(array: zarr.Array[Any], shard: int, size: int, path: Path) -> None:
    """Look into the index at a shard's end, for Zarr fills in for a chunk that is not there."""
    rows = min(size, array.shape[0] - shard * size)
    n_chunks, slots = -(-rows // array.chunks[0]), size // array.chunks[0]
    with path.open("rb") as file:
        file.seek(-(slots * _SLOT + _CHECKSUM), os.SEEK_END)
        index = np.frombuffer(file.read(n_chunks * _SLOT), "<u8")
    if (index == _ABSENT).any():
        raise ValueError("a chunk is missing")


def shard_rows(array: zarr.Array[Any], group: Path) -> int:
    """Return the rows of a whole shard of an array."""
    if array.shards is None:
        raise IntegrityError(f"{array.path} in {group} has no shards", "It is no dataset of ours.")
    return int(array.shards[0])


class MissingShardError(IntegrityError):
    """A file of an array is not there.

    Parameters
    ----------
    message
        What is wrong and where.
    path
        The file, relative to the group.
    """

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message, "Pull the dataset again, with the labels that you want.")
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.path)  # of its own arguments, not those of the base
