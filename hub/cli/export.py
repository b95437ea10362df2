"""``hub export``: a model as a file for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from hub.cli import output
from hub.cli.arguments import complete_names, dtype_option
from hub.cli.progress import progress_bar


@click.command(name="export", short_help="Write a model as a file for NequIP, ASE or LAMMPS.")
@click.argument("model", shell_complete=complete_names)
@click.option("--to", "target", type=click.Choice(["nequip-package"]), required=True)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file, its name ending in .nequip.zip.  [default: MODEL.nequip.zip]",
)
@dtype_option
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def command(model: str, target: str, out: Path | None, dtype: str, force: bool) -> None:  # noqa: ARG001 - one target so far
    """Write MODEL, a name or a run folder, as a file, and print the file's path.

    A NequIP package needs nothing but NequIP: its ASE calculator loads it, `nequip-train` goes on
    from it, and `nequip-compile --mode aotinductor` makes a file of it for ASE (`--target ase`)
    or LAMMPS (`--target pair_nequip`).
    """
    import torch

    from hub.library import open_model
    from hub.models.export import SUFFIX, export_package

    with progress_bar("pulling", in_bytes=True) as progress:
        opened = open_model(model, progress)
    if out is None:
        name = opened.version.manifest.name if opened.version else Path(model).resolve().name
        out = Path(f"{name}{SUFFIX}")
    export_package(opened.path, out, dtype=getattr(torch, dtype), force=force)
    output.result(str(out))
