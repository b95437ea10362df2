"""``hub list``: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import json_option

if TYPE_CHECKING:
    from registry.listing import Listing


@click.command(name="list", short_help="List models and datasets.")
@click.argument("pattern", default="")
@click.option("--remote", is_flag=True, help="Ask the configured registries too.")
@json_option
def command(pattern: str, remote: bool, as_json: bool) -> None:
    """List models and datasets: the built-in ones, and what is on this machine.

    With PATTERN, only names that contain it, or that match it if it has wildcards, as 'c-*'.

    A registry that cannot be asked is named on stderr, and the others are listed. The exit code is
    5 if none of them could be asked.
    """
    from fnmatch import fnmatch

    from hub.library import catalogue
    from registry.errors import OfflineError, RegistryError
    from registry.listing import listings

    wanted = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    names, failures = catalogue(), dict[str, RegistryError]()
    rows = listings(names, remote=remote, failed=failures.__setitem__)
    _print([row for row in rows if fnmatch(row.name, wanted)], pattern, as_json=as_json)
    for name, problem in failures.items():
        output.message(f"warning: registry {name} could not be asked: {problem.message}")
    if failures and len(failures) == len(names.registries):
        raise OfflineError("no registry could be asked", next(iter(failures.values())).hint)


def _print(rows: list[Listing], pattern: str, *, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

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
