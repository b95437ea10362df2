"""``hub cache``: what is kept on this machine, and getting rid of it."""

from __future__ import annotations

import click

from hub.cli import output
from hub.cli.arguments import json_option


@click.group(name="cache", short_help="Measure or prune what is kept on this machine.")
def command() -> None:
    """Measure or prune what is kept on this machine."""


@command.command(name="size", short_help="Say where the cache is and how large.")
@json_option
def size(as_json: bool) -> None:
    """Say where the cache is, what is in it, and how large it is."""
    from dataclasses import asdict

    from hub.library import catalogue
    from registry.upkeep import usage

    local = catalogue().local
    used = usage(local)
    if as_json:
        output.result_json({"path": str(local.root), **asdict(used)})
        return
    output.result(str(local.root))
    output.result(
        f"{used.versions} versions, {output.human_size(used.size)} in all, of which "
        f"{output.human_size(used.parts)} are of unfinished pulls"
    )


@command.command(name="prune", short_help="Remove what no version needs.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Remove also every version that can be pulled again, and unfinished pulls.",
)
@json_option
def prune(everything: bool, as_json: bool) -> None:
    """Remove what no version needs; what was published on this machine always stays.

    Do not use --all while something is being pulled.
    """
    from hub.library import catalogue
    from registry.upkeep import prune as prune_store

    freed = prune_store(catalogue().local, everything=everything)
    if as_json:
        output.result_json({"freed": freed})
    else:
        output.result(f"{output.human_size(freed)} freed")
