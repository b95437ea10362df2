"""A registry in an object store: Amazon S3 and what speaks its protocol, Google Cloud, Azure.

The tree of files is that of a directory. Objects appear whole or not at all, so nothing is renamed
and there are no leftovers to sweep; documents that change are replaced by conditional writes, so
there are no locks. Every call ends, whatever a server does.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from registry.download import Retries
from registry.errors import AccessError, NotFoundError, OfflineError
from registry.files import CHUNK, storage_errors
from registry.removal import MARKER_NAME
from registry.stores.base import MARKER, Stream, TransientError
from registry.stores.bucket import Bucket, Held
from registry.stores.places import Place
from registry.stores.refusals import unfit
from registry.stores.uploads import SINGLE, counted, md5, part_size, tag_of, verified_pieces

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from obstore import UpdateVersion

    from registry.manifest import FileEntry
    from registry.stores.bucket import Written

ATTEMPTS = 5

_CLAIM = b"This place and what is in it were made by mlip-hub.\n"
_TRIALS = "trials"
_NEVER_THERE: UpdateVersion = {"e_tag": '"00000000000000000000000000000000"', "version": "1"}

Result = TypeVar("Result")


class ObjectStore:
    """Read and write the objects below a prefix.

    Parameters
    ----------
    location
        The address, such as ``s3://bucket/prefix``.
    offline
        Refuse to use the network.
    """

    def __init__(self, location: str, *, offline: bool = False) -> None:
        self.bucket = Bucket(Place.parse(location), offline=offline)
        self._is_claimed = False

    @property
    def location(self) -> str:
        """The address."""
        return str(self.bucket.place)

    def open(self, path: str, start: int = 0) -> Stream:
        """Open the object at `path` at byte `start`."""
        try:
            return self.bucket.open(path, start)
        except AccessError:
            # Who may not list a bucket is refused what is missing in it, too.
            if path != MARKER and self._shows_marker:
                raise NotFoundError(f"{self.location}/{path} not found") from None
            raise

    def put_file(
        self,
        path: str,
        source: Path,
        entry: FileEntry,
        sent: Callable[[int], None] | None = None,
    ) -> bool:
        """Store a copy of `source`, verified against `entry`."""
        tag = tag_of(source, entry.size)
        if self._again(lambda: self._is_there(path, entry, tag)):
            return False
        self._again(lambda: self._send(path, source, entry, tag, sent or (lambda _: None)))
        return True

    def put_bytes(self, path: str, data: bytes) -> bool:
        """Store `data`."""
        if self.peek(path) == data:
            return False
        self._again(lambda: self._overwrite(path, data))
        return True

    def swap(self, path: str, data: bytes, expected: bytes | None) -> bool:
        """Replace `expected` by `data`, if exactly that is there: one conditional write."""
        held = self._again(lambda: self.bucket.held(path))
        if held.data != expected:
            return False
        return self._again(_Swap(self.bucket, path, data, held).attempt)

    def holds(self, path: str, entry: FileEntry) -> bool:
        """Whether there is an object at `path` of the size that `entry` says."""
        found = self._again(lambda: self.bucket.size_and_tag(path))
        return found is not None and found[0] == entry.size

    def list(self, prefix: str) -> list[str]:
        """Return the paths of the objects below `prefix`."""
        return sorted(self._again(lambda: self.bucket.paths(prefix)))

    def claim(self) -> None:
        """Mark the place as ours; make sure that the store heeds the conditions of writes.

        Raises
        ------
        StorageError
            If it does not: publishers at the same time would overwrite each other.
        """
        if self._is_claimed:
            return
        put = partial(self.bucket.write_if, MARKER_NAME, _CLAIM)
        # Whether it was there before or not, it is there the second time.
        was_new = self._again(lambda: put(None)) is not None
        if was_new and self._again(lambda: put(None)) is not None:
            raise unfit(self.bucket.place)
        if self._again(lambda: put(_NEVER_THERE)) is not None:
            raise unfit(self.bucket.place)
        self._is_claimed = True

    def locked(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing: conditional writes are enough."""
        return nullcontext()

    def sweep(self) -> None:
        """Remove what was only sent on trial; a killed writer leaves nothing else to be seen.

        What it sent of a large file is discarded by the store, if its owner has told it to.
        """
        if not self.bucket.clients.is_tamper_proof:
            for path in self.list(_TRIALS):
                self.remove(path)

    def peek(self, path: str) -> bytes | None:
        """Return the bytes at `path`; None if there is nothing."""
        return self._again(lambda: self.bucket.held(path)).data

    def remove(self, path: str) -> None:
        """Remove the object at `path`, if there is one."""
        self._again(lambda: self.bucket.remove(path))

    @cached_property
    def _shows_marker(self) -> bool:
        """Whether the marker of a registry can be read."""
        try:
            with self.bucket.open(MARKER):
                return True
        except (AccessError, NotFoundError, TransientError):
            return False

    def _is_there(self, path: str, entry: FileEntry, tag: str) -> bool:
        """Whether an object has this content. It is read if the store has no such tags."""
        found = self.bucket.size_and_tag(path)
        if found is None or found[0] != entry.size:
            return False
        return found[1] == tag or self._sha256(path) == entry.sha256

    def _sha256(self, path: str) -> str:
        found = hashlib.sha256()
        with self.bucket.open(path) as stream:
            while piece := stream.read(CHUNK):
                found.update(piece)
        return found.hexdigest()

    def _send(
        self, path: str, source: Path, entry: FileEntry, tag: str, sent: Callable[[int], None]
    ) -> None:
        """Send a file; an object appears only if the file is what `entry` says."""
        with storage_errors(source):
            pieces = verified_pieces(source, entry)
            if entry.size <= SINGLE:
                written = self.bucket.write(path, b"".join(pieces))
            else:
                pieces = counted(pieces, sent)
                written = self.bucket.write_parts(path, pieces, part_size(entry.size))
        self._require_sent(path, written, entry.sha256, tag)

    def _overwrite(self, path: str, data: bytes) -> None:
        written = self.bucket.write(path, data)
        self._require_sent(path, written, hashlib.sha256(data).hexdigest(), md5(data).hex())

    def _require_sent(self, path: str, written: Written, sha256: str, tag: str) -> None:
        """Raise `TransientError` if other bytes have arrived than were sent.

        An encrypted connection does not let that happen, and some stores say what has arrived.
        """
        is_certain = written.tag == tag or self.bucket.clients.is_encrypted
        if not is_certain and self._sha256(path) != sha256:
            raise TransientError("the stored data differ from the data sent")

    def _again(self, action: Callable[[], Result]) -> Result:
        """Repeat what may succeed on a retry."""
        failures = 0
        while True:
            try:
                return action()
            except TransientError as problem:
                failures += 1
                if failures >= ATTEMPTS:
                    raise OfflineError(
                        f"{self.location} cannot be used: {problem}",
                        "Check the connection and try again.",
                    ) from problem
                time.sleep(Retries().pause(failures, problem.wait))


class _Swap:
    """A conditional write, whose answer may get lost.

    Parameters
    ----------
    bucket, path, data
        What to write, and where.
    held
        What is there.
    """

    def __init__(self, bucket: Bucket, path: str, data: bytes, held: Held) -> None:
        self.bucket = bucket
        self.path = path
        self.data = data
        self.held = held
        self.is_first = True

    def attempt(self) -> bool:
        """Write, or find that an earlier attempt did; return whether it was this writer."""
        if not self.is_first:
            now = self.bucket.held(self.path)
            if now.data == self.data or now.mark != self.held.mark:
                return now.data == self.data
        if not self.bucket.clients.is_tamper_proof:
            self._try()
        self.is_first = False
        written = self.bucket.write_if(self.path, self.data, self.held.mark)
        if written is None:
            return False
        if written.tag != md5(self.data).hex() and not self.bucket.clients.is_encrypted:
            self._require_sent(written)
        return True

    def _try(self) -> None:
        """Raise `TransientError` if other bytes arrive than are sent, before any are replaced."""
        path = f"{_TRIALS}/{self.path}.{md5(self.data).hex()}"
        self.bucket.write(path, self.data)
        came = self.bucket.held(path).data
        self.bucket.remove(path)
        if came != self.data:
            raise TransientError("the stored data differ from the data sent")

    def _require_sent(self, written: Written) -> None:
        """Let the next attempt replace other bytes than were sent."""
        now = self.bucket.held(self.path)
        if now.mark == written.mark and now.data != self.data:
            self.held = now
            raise TransientError("the stored data differ from the data sent")
