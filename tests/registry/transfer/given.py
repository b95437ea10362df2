"""A file on a server, and what becomes of it here."""

import hashlib
import os

from registry.blobs import Blobs
from registry.manifest import FileEntry
from registry.stores.http import HttpStore
from registry.transfer import fetch
from tests.registry.server import Server

DATA = os.urandom(3_000_000)
ENTRY = FileEntry("weights.bin", len(DATA), hashlib.sha256(DATA).hexdigest())


def get(server: Server, blobs: Blobs, entry: FileEntry = ENTRY, **options: float) -> bytes:
    """Transfer the file and return its bytes."""
    store = HttpStore(server.url, timeout=options.pop("timeout", 5.0))
    fetch(store, [("weights.bin", entry)], blobs, **options)
    return blobs.path(entry.sha256).read_bytes()


def nothing_kept(blobs: Blobs) -> bool:
    return not blobs.path(ENTRY.sha256).exists()
