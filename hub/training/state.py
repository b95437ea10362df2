"""The state of a training, so that it can be killed at any moment and go on.

A line with the sha256 of all that follows stands before what PyTorch writes. Older states lack it;
they have the checksums of a zip archive, which PyTorch itself does not look at.
"""

from __future__ import annotations

import hashlib
import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import torch

from hub.errors import TrainingError
from hub.training.run_folder import STATE_NAME
from registry.documents import digest_of
from registry.files import replacing, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEAD, _HEAD_SIZE = b"mlip-hub training state, sha256:%s\n", 97
_OLD_HEAD = b"PK"  # of a zip archive
_HINT = "Delete it to train from the start, or put a copy of it back."

logger = logging.getLogger(__name__)


def save_state(directory: Path, state: dict[str, Any]) -> None:
    """Write the state beside the old one, then put it in its place."""
    with replacing(directory / STATE_NAME, directory) as part, part.open("r+b") as file:
        file.write(_head("0" * 64))
        torch.save(state, file)
        file.seek(_HEAD_SIZE)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.write(_head(digest))


def load_state(directory: Path) -> dict[str, Any] | None:
    """Read the state, or None where no epoch was finished yet.

    Raises
    ------
    TrainingError
        If a byte of the file has changed, or a number in it is not finite.
    """
    path = directory / STATE_NAME
    if not path.exists():
        return None
    with storage_errors(path):
        data = path.read_bytes()
    head, body = data[:_HEAD_SIZE], data[_HEAD_SIZE:]
    is_old = data.startswith(_OLD_HEAD)
    if not is_old and head != _head(digest_of(body)):
        raise TrainingError(f"{path} is damaged: its checksum is another", _HINT)
    try:
        if is_old:
            logger.warning("%s was written by an older release, and has no sha256", path)
            body = data
            _check_archive(body)
        state: dict[str, Any] = torch.load(BytesIO(body), weights_only=True, map_location="cpu")
    except Exception as error:  # torch, zip and pickle raise whatever they run into
        raise TrainingError(f"{path} is damaged: {error}", _HINT) from error
    if not is_finite(state):
        raise TrainingError(f"{path} holds weights that are not finite", _HINT)
    return state


def is_finite(state: Any) -> bool:
    """Whether all numbers in the tensors of a state are finite."""
    return all(bool(value.double().isfinite().all()) for value in _tensors(state))


def _check_archive(data: bytes) -> None:
    with ZipFile(BytesIO(data)) as archive:
        wrong = archive.testzip()
    if wrong is not None:
        raise BadZipFile(f"the checksum of {wrong} is another")


def _head(digest: str) -> bytes:
    return _HEAD % digest.encode()


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for value in state.values() if isinstance(state, dict) else state:
            yield from _tensors(value)
