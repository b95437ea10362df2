"""``hub export``: a model or a dataset as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import complete_names, dtype_option
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.datasets.selection import Choice

_ENDINGS = {"extxyz": ".extxyz", "lmdb": ".lmdb", "datasets": ""}


@click.command(name="export", short_help="Write a model or dataset as a file for other programs.")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--format",
    "target",
    metavar="FORMAT",
    required=True,
    help=f"nequip-package (a NequIP model), {', '.join(_ENDINGS)} (a dataset).",
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The file; for datasets a directory.  [default: NAME with the usual ending]",
)
@dtype_option
@click.option("--labels", metavar="NAME", help="Of a dataset, the label set.")
@click.option("--where", metavar="CONDITION", help="Of a dataset, structures that fit.")
@click.option("--sample", metavar="N", type=int, help="Of a dataset, N structures at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--force", is_flag=True, help="Replace an export that exists.")
def command(
    name: str,
    target: str,
    out: Path | None,
    dtype: str,
    labels: str | None,
    where: str | None,
    sample: int | None,
    seed: int,
    force: bool,
) -> None:
    """Write NAME, a model (also a run folder) or a dataset, as a file, and print the file's path.

    Of a model: a NequIP package needs nothing but NequIP: its ASE calculator loads it,
    `nequip-train` goes on from it, and `nequip-compile --mode aotinductor` makes a file of it for
    ASE (`--target ase`) or LAMMPS (`--target pair_nequip`).

    Of a dataset: extxyz for ASE and most other programs, lmdb for `nequip-train`, datasets for
    Hugging Face's library.
    """
    if target not in _ENDINGS:
        _require_model_format(target)
        path = _export_model(name, target, out, dtype, force=force)
    else:
        from hub.datasets.selection import Choice

        path = out or Path(f"{_plain(name)}{_ENDINGS[target]}")
        _export_dataset(name, labels, Choice(where, sample, seed), path, target, force=force)
    output.result(str(path))


def _require_model_format(target: str) -> None:
    from hub.potentials.architectures import model_formats

    known = [*model_formats(), *_ENDINGS]
    if target not in known:
        raise click.UsageError(f"There is no format {target!r} for --format: {', '.join(known)}.")


def _export_model(model: str, target: str, out: Path | None, dtype: str, *, force: bool) -> Path:
    import torch

    from hub.library import open_model
    from hub.potentials.exporting import export_model

    with progress_bar("pulling", in_bytes=True) as progress:
        opened = open_model(model, progress)
    name = opened.version.manifest.name if opened.version else Path(model).resolve().name
    number = getattr(torch, dtype)
    return export_model(opened.path, name, target, out, dtype=number, force=force)


def _export_dataset(
    name: str, labels: str | None, choice: Choice, out: Path, target: str, *, force: bool
) -> None:
    from hub.datasets.exporting import export_structures
    from hub.datasets.loading import open_dataset

    wanted = choice if choice.is_any else None
    with progress_bar("pulling", in_bytes=True) as progress:
        dataset = open_dataset(name, labels, wanted, progress)
    for note in dataset.notes:
        output.message(f"note: {note}")
    with progress_bar("structures") as progress:
        pieces = dataset.pieces(labels, choice)
        export_structures(pieces, out, target, force=force, progress=progress)


def _plain(name: str) -> str:
    """Return the name in a reference, or of a directory."""
    place = Path(name)
    return place.resolve().name if place.is_dir() else place.name.partition("@")[0]
