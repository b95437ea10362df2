"""The state of a training, so that it can be killed at any moment and go on."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import torch

from hub.errors import TrainingError
from hub.training.run_folder import STATE_NAME
from registry.files import replacing

if TYPE_CHECKING:
    from pathlib import Path


def save_state(directory: Path, state: dict[str, Any]) -> None:
    """Write the state beside the old one, then put it in its place."""
    with replacing(directory / STATE_NAME, directory) as part:
        torch.save(state, part)


def load_state(directory: Path) -> dict[str, Any] | None:
    """Read the state, or None where no epoch was finished yet.

    Raises
    ------
    TrainingError
        If the file is damaged.
    """
    path = directory / STATE_NAME
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise TrainingError(
            f"{path} is damaged: {error}", hint="Delete it to train from the start."
        ) from error
    return state
