"""``hub cache``: measure or prune what is stored on this machine."""

from __future__ import annotations

import click

from hub.cli import output
from hub.cli.arguments import json_option


@click.group(name="cache")
def command() -> None:
    """Measure or prune what is stored on this machine."""


@command.command(name="size", short_help="Show the location and size of the cache.")
@json_option
def size(as_json: bool) -> None:
    """Show the location of the cache, its number of versions, and its size."""
    from hub.upkeep import cache_size

    used = cache_size()
    if as_json:
        output.result_json({**used._asdict(), "path": str(used.path)})
        return
    output.result(str(used.path))
    output.result(
        f"{used.versions} versions, {output.human_size(used.size)} in total, "
        f"{output.human_size(used.parts)} of it from unfinished pulls"
    )


@command.command(name="prune", short_help="Remove files that no version needs.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also remove versions that can be pulled again, and unfinished pulls.",
)
@json_option
def prune(everything: bool, as_json: bool) -> None:
    """Remove files that no version needs. Versions published on this machine are always kept.

    Do not use --all while a version is being pulled.
    """
    from hub.upkeep import prune_cache

    freed = prune_cache(all=everything)
    if as_json:
        output.result_json({"freed": freed})
    else:
        output.result(f"{output.human_size(freed)} freed")
