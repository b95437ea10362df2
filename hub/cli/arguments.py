"""Arguments and options that several commands share."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from registry.errors import RegistryError


def complete_names(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Return the names, of those known without any network, that begin as typed."""
    from hub.library import catalogue
    from registry.listing import listings

    try:
        rows = listings(catalogue())
    except RegistryError:
        return []  # There is no place to show it in the middle of a line.
    return [
        CompletionItem(row.name, help=row.description)
        for row in rows
        if row.name.startswith(incomplete)
    ]


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
energy_key_option = click.option(
    "--energy-key", metavar="KEY", help="Entry to take as total energy (eV)."
)
forces_key_option = click.option(
    "--forces-key", metavar="KEY", help="Entry to take as forces (eV/Å)."
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ..."
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="Precision; float32 is faster.",
)
