"""``hub list``: what there is."""

from __future__ import annotations

import click

from hub.cli import output
from hub.cli.arguments import json_option


@click.command(name="list", short_help="List models and datasets.")
@click.argument("pattern", default="")
@click.option("--remote", is_flag=True, help="Ask the configured registries too.")
@json_option
def command(pattern: str, remote: bool, as_json: bool) -> None:
    """List models and datasets: the built-in ones, and what is on this machine.

    With PATTERN, only names that contain it, or that match it if it has wildcards, as 'c-*'.
    """
    from dataclasses import asdict
    from fnmatch import fnmatch

    from hub.library import catalogue
    from registry.listing import listings

    wanted = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    rows = [row for row in listings(catalogue(), remote=remote) if fnmatch(row.name, wanted)]
    if as_json:
        output.result_json([asdict(row) for row in rows])
        return
    if not rows:
        output.message(f"no name matches '{pattern}'" if pattern else "there is nothing")
        return
    output.result_table(
        ["NAME", "VERSION", "KIND", "SIZE", "FROM", "HERE", "DESCRIPTION"],
        [
            [
                row.name,
                row.version,
                row.kind,
                output.human_size(row.size) if row.size else "?",
                row.origin,
                "yes" if row.cached else "-",
                row.description,
            ]
            for row in rows
        ],
    )
