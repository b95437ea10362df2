"""The requests to an object store, one method each, with its refusals as errors of ours.

What may succeed on a retry is a `TransientError`; nothing is retried here.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import NotFoundError, OfflineError
from registry.stores.base import Stream, TransientError
from registry.stores.clients import Clients
from registry.stores.pace import Pace
from registry.stores.refusals import refusal, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore import GetOptions, ObjectMeta, PutMode, PutResult, UpdateVersion

    from registry.stores.places import Place

_PIECE = 1 << 18  # bytes
_MOST_PARTS_AT_ONCE = 4


class Held(NamedTuple):
    """The bytes of an object, and what tells them from all that were there before.

    Both are None if there is no object.
    """

    data: bytes | None = None
    mark: UpdateVersion | None = None


class Written(NamedTuple):
    """What a store says of an object that it has written: its tag, and its mark as in `Held`."""

    tag: str
    mark: UpdateVersion


class Bucket:
    """The objects below a prefix.

    Parameters
    ----------
    place
        Where they are.
    offline
        Refuse to use the network.
    """

    def __init__(self, place: Place, *, offline: bool = False) -> None:
        self.place = place
        self.offline = offline

    @property
    def clients(self) -> Clients:
        """The clients of `obstore`; raises `OfflineError` if the network is disabled."""
        if self.offline:
            raise OfflineError(
                f"{self.place} is needed, but the network is disabled", "Unset HUB_OFFLINE."
            )
        return self._clients

    @cached_property
    def _clients(self) -> Clients:
        return Clients(self.place)

    def open(self, path: str, start: int = 0) -> Stream:
        """Open an object at byte `start`; at its beginning if it is shorter than that."""
        client = self.clients.reader
        import obstore

        with self.errors(path):
            try:
                options: GetOptions | None = {"range": {"offset": start}} if start else None
                found = obstore.get(client, path, options=options)
            except obstore.exceptions.BaseError as problem:
                if start and status_of(problem) == 416:
                    return self.open(path)
                raise
            body = _Body(self, path, found.stream(_PIECE))
            return Stream(body, found.range[0], found.meta["size"])

    def held(self, path: str) -> Held:
        """Return what is at a path."""
        client = self.clients.reader
        import obstore

        try:
            with self.errors(path):
                found = obstore.get(client, path)
                data, meta = bytes(found.bytes()), found.meta
        except NotFoundError:
            return Held()
        if len(data) != meta["size"]:
            raise TransientError(f"{len(data)} of {meta['size']} bytes received")
        return Held(data, _written(meta).mark)

    def size_and_tag(self, path: str) -> tuple[int, str] | None:
        """Return the size of an object in bytes, and its tag; None if there is no object."""
        client = self.clients.reader
        import obstore

        try:
            with self.errors(path):
                meta = obstore.head(client, path)
        except NotFoundError:
            return None
        return meta["size"], _written(meta).tag

    def write(self, path: str, data: bytes) -> Written:
        """Write an object, whatever was there."""
        client = self.clients.writer
        import obstore

        with self.errors(path):
            return _written(obstore.put(client, path, data, use_multipart=False))

    def write_parts(self, path: str, pieces: Iterator[bytes], part: int) -> Written:
        """Write a large object in parts; nothing is written if `pieces` raises."""
        client = self.clients.uploader
        import obstore

        with self.errors(path):
            return _written(
                obstore.put(
                    client, path, pieces, chunk_size=part, max_concurrency=_MOST_PARTS_AT_ONCE
                )
            )

    def write_if(self, path: str, data: bytes, mark: UpdateVersion | None) -> Written | None:
        """Write an object if there still is the one with this mark (None: none).

        Returns
        -------
        None if there is not.
        """
        client = self.clients.writer
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with self.errors(path):
                mode: PutMode = mark or "create"
                return _written(obstore.put(client, path, data, mode=mode, use_multipart=False))
        except (AlreadyExistsError, PreconditionError, NotFoundError):
            return None

    def paths(self, prefix: str) -> list[str]:
        """Return the paths of the objects below a prefix."""
        client = self.clients.reader
        import obstore

        with self.errors(""):
            return [each["path"] for page in obstore.list(client, prefix=prefix) for each in page]

    def remove(self, path: str) -> None:
        """Remove an object, if there is one."""
        client = self.clients.writer
        import obstore

        with suppress(NotFoundError), self.errors(path):
            obstore.delete(client, path)

    @contextmanager
    def errors(self, path: str) -> Iterator[None]:
        """Turn what `obstore` raises into errors of ours, except that a condition is not met."""
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        try:
            yield
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, FileNotFoundError) as problem:
            raise refusal(problem, self.place, path) from problem


class _Body:
    """The bytes of a response, as they come."""

    def __init__(self, bucket: Bucket, path: str, pieces: Iterator[bytes]) -> None:
        self.bucket = bucket
        self.path = path
        self.pieces = pieces
        self.pace = Pace()
        self.left = b""

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, and none at the end; raises `TransientError`."""
        if not self.left:
            began = time.monotonic()
            with self.bucket.errors(self.path):
                self.left = next(self.pieces, b"")
            self.pace.note(time.monotonic() - began, len(self.left))
        piece, self.left = self.left[:count], self.left[count:]
        return piece

    def close(self) -> None:
        """Abandon the rest."""
        self.pieces = iter(())


def _written(result: PutResult | ObjectMeta) -> Written:
    mark: UpdateVersion = {}
    if result["e_tag"] is not None:
        mark["e_tag"] = result["e_tag"]
    if result["version"] is not None:
        mark["version"] = result["version"]
    return Written((result["e_tag"] or "").strip('"'), mark)
