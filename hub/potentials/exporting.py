"""Export models to files for other programs, in the formats of their architectures."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from hub.errors import ModelError
from hub.potentials.architectures import architecture_of, read_config
from hub.potentials.committee import CommitteeConfig
from registry.plugins import load_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from hub.potentials.committee.potential import Committee
    from hub.potentials.config import PotentialConfig


def export_model(
    directory: Path,
    name: str,
    format_name: str,
    out: Path | None = None,
    *,
    dtype: torch.dtype,
    member: int | None = None,
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
    member
        Number of the member of a committee to write, from 0.
    force
        Replace an existing file.

    Raises
    ------
    ModelError
        If the architecture has no such format, the file does not reproduce the stored
        predictions, or there is no such member.
    ExistsError
        If the file exists.
    StorageError
        If the disk is full or cannot be written.
    """
    config = read_config(directory)
    if isinstance(config, CommitteeConfig) or member is not None:
        with _member(directory, config, member) as inner:
            return export_model(
                inner, f"{name}-{member}", format_name, out, dtype=dtype, force=force
            )
    found = architecture_of(config)
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


@contextmanager
def _member(directory: Path, config: PotentialConfig, number: int | None) -> Iterator[Path]:
    """Write a member of a committee to a temporary model directory."""
    if not isinstance(config, CommitteeConfig):
        raise ModelError("the model is not a committee", "Leave out --member.")
    last = len(config.members) - 1
    if number is None or not 0 <= number <= last:
        raise ModelError(
            f"the model is a committee of {last + 1} members, which are exported one by one",
            f"Choose one with --member, from 0 to {last}.",
        )
    from hub.potentials.directory import read_model, write_model

    committee = cast("Committee", read_model(directory))
    with TemporaryDirectory() as folder:
        write_model(Path(folder), committee.members[number])
        yield Path(folder)
