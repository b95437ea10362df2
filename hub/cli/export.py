"""``hub export``: write a model or dataset as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from hub.cli import output
from hub.cli.arguments import complete_names, dtype_option
from hub.cli.progress import progress_bar


class FormatName(click.ParamType):  # type: ignore[type-arg]  # in some versions
    """An export format of models or datasets."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse unknown formats."""
        from hub.exporting import formats

        if value not in formats():
            self.fail(f"{value!r} is not one of {', '.join(formats())}", param, ctx)
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete format names."""
        from hub.exporting import formats

        return [CompletionItem(name) for name in formats() if name.startswith(incomplete)]


@click.command(name="export", short_help="Write a model or dataset as a file for other programs.")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--format",
    type=FormatName(),
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
@dtype_option
@click.option("--labels", metavar="NAME", help="Label set of a dataset.")
@click.option(
    "--where", metavar="CONDITION", help="Structures of a dataset, e.g. 'density >= 2.0'."
)
@click.option(
    "--sample", metavar="N", type=int, help="Number of structures of a dataset (random subset)."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of --sample.")
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
    ):
        path = export(
            name,
            pulling=pulling,
            progress=progress,
            report=lambda note: output.message(f"note: {note}"),
            **given,
        )
    output.result(str(path))
