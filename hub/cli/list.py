"""``hub list``: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import json_option

if TYPE_CHECKING:
    from hub.model_facts import ModelFacts
    from registry.catalogue import Catalogue
    from registry.listing import Listing


@click.command(name="list", short_help="List models and datasets.")
@click.argument("pattern", default="")
@click.option("--architecture", metavar="NAME", help="Only models of this architecture.")
@click.option("--remote", is_flag=True, help="Ask the configured registries too.")
@json_option
def command(pattern: str, architecture: str | None, remote: bool, as_json: bool) -> None:
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
    chosen = [row for row in rows if fnmatch(row.name, wanted)]
    facts = _facts(names, chosen, architecture)
    _print(facts, pattern or architecture or "", as_json=as_json)
    for name, problem in failures.items():
        output.message(f"warning: registry {name} could not be queried: {problem.message}")
    if failures and len(failures) == len(names.registries):
        raise OfflineError("no registry could be asked", next(iter(failures.values())).hint)


def _facts(
    names: Catalogue, rows: list[Listing], architecture: str | None
) -> list[tuple[Listing, ModelFacts]]:
    """Return what is known of each model; of an architecture, those of it alone.

    Without an architecture nothing is fetched for it: a row of a registry that was never pulled
    says none.
    """
    from hub.model_facts import ModelFacts, model_facts
    from registry.errors import RegistryError
    from registry.origins import BUILTIN

    found = []
    for row in rows:
        is_here = row.cached or row.origin == BUILTIN
        try:
            facts = model_facts(names, row) if is_here or architecture else ModelFacts()
        except RegistryError as problem:
            output.message(f"warning: {row.name}@{row.version}: {problem.message}")
            facts = ModelFacts()
        if architecture in (None, facts.architecture):
            found.append((row, facts))
    return found


def _print(rows: list[tuple[Listing, ModelFacts]], pattern: str, *, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        output.result_json([{**asdict(row), **asdict(facts)} for row, facts in rows])
        return
    if not rows:
        output.message(f"no name matches '{pattern}'" if pattern else "there is nothing")
        return
    output.result_table(
        ["NAME", "VERSION", "KIND", "ARCHITECTURE", "SIZE", "FROM", "HERE", "DESCRIPTION"],
        [
            [
                row.name,
                row.version,
                row.kind,
                facts.architecture or "-",
                output.human_size(row.size) if row.size else "?",
                row.origin,
                "yes" if row.cached else "-",
                row.description,
            ]
            for row, facts in rows
        ],
    )
