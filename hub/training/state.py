"""The saved state of a training, so that it can be killed at any moment and resumed.

PyTorch's data follow a line with their sha256. Older states lack this line; they have the checksums
of a zip archive, which PyTorch itself does not verify.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import math
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self
from zipfile import BadZipFile, ZipFile

import torch

from hub.errors import TrainingError
from hub.training.run_files import STATE_NAME
from registry.documents import digest_of, fit_whole
from registry.files import replacing, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRESS = "progress"  # the name of the `Progress` in a state

_HEAD, _HEAD_SIZE = b"mlip-hub training state, sha256:%s\n", 97
_OLD_HEAD = b"PK"  # of a zip archive
_HINT = "Delete it to train from the start, or restore it from a copy."

logger = logging.getLogger(__name__)


def save_state(directory: Path, state: dict[str, Any]) -> None:
    """Write the state to a temporary file, then replace the old one."""
    with replacing(directory / STATE_NAME, directory) as part, part.open("r+b") as file:
        file.write(_head("0" * 64))
        torch.save(state, file)
        file.seek(_HEAD_SIZE)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.write(_head(digest))


def load_state(directory: Path) -> dict[str, Any] | None:
    """Read the state, or return None if nothing has been saved yet.

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
        raise TrainingError(f"{path} is corrupted: its checksum does not match", _HINT)
    try:
        if is_old:
            logger.warning("%s was written by an older release and has no sha256", path)
            body = data
            _check_archive(body)
        state: dict[str, Any] = torch.load(BytesIO(body), weights_only=True, map_location="cpu")
    except Exception as error:  # torch, zip and pickle raise all kinds of errors
        raise TrainingError(f"{path} is corrupted: {error}", _HINT) from error
    if not isinstance(state, dict):
        raise TrainingError(f"{path} is not the state of a training", _HINT)
    if not is_finite(state):
        raise TrainingError(f"{path} contains weights that are not finite", _HINT)
    return state


def is_finite(state: dict[str, Any]) -> bool:
    """Whether all numbers in the tensors of a state are finite."""
    # The progress grows by each epoch and has no tensors.
    tensors = _tensors([value for name, value in state.items() if name != PROGRESS])
    found: dict[torch.device, list[torch.Tensor]] = {}
    for value in tensors:
        found.setdefault(value.device, []).append(value.isfinite().all())
    # A GPU is waited for once, not for each tensor.
    return all(bool(torch.stack(each).all()) for each in found.values())


def snapshot(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a state that the training no longer changes."""
    return {
        name: value if name == PROGRESS else copy.deepcopy(value) for name, value in state.items()
    }


def _check_archive(data: bytes) -> None:
    with ZipFile(BytesIO(data)) as archive:
        wrong = archive.testzip()
    if wrong is not None:
        raise BadZipFile(f"the checksum of {wrong} does not match")


def _head(digest: str) -> bytes:
    return _HEAD % digest.encode()


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for value in state.values() if isinstance(state, dict) else state:
            yield from _tensors(value)


@dataclass(frozen=True)
class EpochMetrics:
    """Metrics of one epoch.

    Attributes
    ----------
    epoch
        Its number, from 1.
    loss
        Mean over its steps.
    energy_rmse, force_rmse, stress_rmse
        On the validation structures, in meV/atom, eV/Å and GPa; NaN without labels.
    learning_rate
        At its last step.
    steps_back
        How often the learning rate has been halved so far.
    seconds, waiting
        Total time, and time spent waiting for data.
    """

    epoch: int
    loss: float
    energy_rmse: float
    force_rmse: float
    stress_rmse: float
    learning_rate: float
    steps_back: int
    seconds: float
    waiting: float


@dataclass
class Progress:
    """Progress of a training, as stored in the saved state.

    `step`, `loss`, `seconds` and `waiting` belong to the unfinished epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_force_rmse: float = math.inf
    reference_force_rmse: float = math.inf
    epochs_without_gain: int = 0
    steps_back: int = 0
    rate_factor: float = 1.0
    history: list[dict[str, int | float]] = field(default_factory=list)
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    waiting: float = 0.0

    @classmethod
    def read(cls, saved: dict[str, Any], steps_per_epoch: int) -> Self:
        """Read progress from a state; raise ValueError if it belongs to another training."""
        new = vars(cls())
        progress = fit_whole({**{name: new[name] for name in _ADDED_LATER}, **saved}, cls)
        if not 0 <= progress.step <= steps_per_epoch:
            raise ValueError(f"step {progress.step} of an epoch of {steps_per_epoch} steps")
        if not 0 <= progress.best_epoch <= progress.epoch == len(progress.history):
            raise ValueError("its history does not match its number of epochs")
        return progress

    def to_dict(self) -> dict[str, Any]:
        """Return what is stored; it does not change with this object.

        The rows of `history` are shared: they never change, and copying all of them in each epoch
        takes longer and longer.
        """
        return vars(self) | {"history": list(self.history)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Return the progress that `to_dict` has stored."""
        return cls(**stored | {"history": list(stored["history"])})

    def count_gain(self, force_rmse: float, min_delta: float) -> None:
        """Count the epochs since the error last decreased by `min_delta`, both in eV/Å.

        Small gains add up: the error is compared with that of the last counted gain.
        """
        if force_rmse < self.reference_force_rmse - min_delta:
            self.reference_force_rmse, self.epochs_without_gain = force_rmse, 0
        else:
            self.epochs_without_gain += 1


_ADDED_LATER = ("step", "loss", "seconds", "waiting")  # to Progress; older states lack them
