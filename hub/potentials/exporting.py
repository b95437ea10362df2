"""Export models to files for other programs, in the formats of their architectures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import ModelError
from hub.potentials.architectures import architecture_of, read_config
from registry.plugins import load_target

if TYPE_CHECKING:
    import torch


def export_model(
    directory: Path,
    name: str,
    format_name: str,
    out: Path | None = None,
    *,
    dtype: torch.dtype,
    force: bool = False,
) -> Path:
    """Write a model as a file for other programs, and return the file's path.

    Parameters
    ----------
    directory
        A model directory.
    name
        The base name of the file, to which the ending of the format is added, if `out` is not
        given.
    format_name
        One of the export formats of the model's architecture.
    out
        The file.
    dtype
        The precision in which the exported model computes.
    force
        Replace an existing file.

    Raises
    ------
    ModelError
        If the architecture has no such format, or the file does not reproduce the stored
        predictions.
    ExistsError
        If the file exists.
    StorageError
        If the disk is full or cannot be written.
    """
    found = architecture_of(read_config(directory))
    export = found.exports.get(format_name)
    if export is None:
        raise ModelError(
            f"models of the architecture {found.name} cannot be exported to {format_name}",
            f"Supported formats: {', '.join(found.exports) or 'none'}. "
            "In Python, hub.calculator(...) works with any model.",
        )
    target = out or Path(f"{name}{export.ending}")
    load_target(export.target)(directory, target, dtype=dtype, force=force)
    return target
