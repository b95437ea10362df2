"""``hub export``: write a model or dataset as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hub.cli import output
from hub.cli.arguments import (
    NameOf,
    complete_names,
    dtype_option,
    sample_option,
    sample_seed_option,
)
from hub.cli.progress import progress_bar


def _formats() -> list[str]:
    from hub.exporting import formats

    return formats()


@click.command(name="export")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--format",
    type=NameOf("format", _formats),
    metavar="FORMAT",
    required=True,
    help="nequip-package (a NequIP model); extxyz, lmdb, datasets (a dataset).",
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    show_default="NAME with the usual extension",
    help="Output file; a directory for format datasets.",
)
@click.option(
    "--to",
    metavar="ADDRESS",
    help="Publish format datasets on the Hugging Face Hub as Parquet: hf://datasets/org/name.",
)
@click.option("--private", is_flag=True, help="Make a new repository on the Hub private.")
@dtype_option
@click.option(
    "--member",
    type=click.IntRange(min=0),
    metavar="N",
    help="Member of a committee to export, from 0.",
)
@click.option("--labels", metavar="NAME", help="Label set of a dataset.")
@click.option(
    "--where", metavar="CONDITION", help="Structures of a dataset, e.g. 'density >= 2.0'."
)
@sample_option
@sample_seed_option
@click.option("--force", is_flag=True, help="Overwrite an existing export.")
def command(name: str, **given: Any) -> None:
    """Write NAME (a model, run folder or dataset) as a file, and print the path of the file.

    A NequIP package needs nothing but NequIP: its ASE calculator loads it, `nequip-train` continues
    from it, and `nequip-compile --mode aotinductor` compiles it for ASE (`--target ase`) or LAMMPS
    (`--target pair_nequip`).

    Datasets: extxyz is for ASE and most other programs, lmdb for `nequip-train`, datasets for the
    Hugging Face library.
    """
    from hub.exporting import export

    with (
        progress_bar("pulling", in_bytes=True) as pulling,
        progress_bar("structures") as progress,
        progress_bar("sending", in_bytes=True) as sending,
    ):
        path = export(
            name,
            pulling=pulling,
            progress=progress,
            sending=sending,
            report=lambda note: output.message(f"note: {note}"),
            **given,
        )
    output.result(str(path))
