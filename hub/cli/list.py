"""``hub list``: list models and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from hub.cli import output
from hub.cli.arguments import json_option

if TYPE_CHECKING:
    from hub.listing import Listed
    from registry.errors import RegistryError


@click.command(name="list")
@click.argument("pattern", default="")
@click.option("--kind", type=click.Choice(["model", "dataset"]), help="Only models or datasets.")
@click.option(
    "--elements",
    metavar="SYMBOLS",
    help="Only models and datasets that cover all these elements, e.g. C,H.",
)
@click.option("--architecture", metavar="NAME", help="Only models of this architecture.")
@click.option(
    "--license",
    "licence",
    metavar="ID",
    help="Only this licence, e.g. MIT or 'cc-by*' (ignores case).",
)
@click.option("--remote", is_flag=True, help="Also ask the configured registries.")
@json_option
def command(
    pattern: str,
    kind: Literal["model", "dataset"] | None,
    elements: str | None,
    architecture: str | None,
    licence: str | None,
    remote: bool,
    as_json: bool,
) -> None:
    """List the built-in models and datasets, and those on this machine.

    PATTERN is part of the name, or a pattern such as 'c-*'. All filters must match.

    Registries that cannot be queried are named on stderr, and the others are listed. The exit code
    is 5 if none can be queried.
    """
    from hub.listing import list_versions
    from hub.settings import load_settings
    from registry.errors import OfflineError

    failures: dict[str, RegistryError] = {}
    rows = list_versions(
        pattern,
        kind=kind,
        elements=[symbol.strip() for symbol in elements.split(",")] if elements else (),
        architecture=architecture,
        license=licence,
        remote=remote,
        failed=failures.__setitem__,
    )
    is_filtered = bool(kind or elements or architecture or licence)
    _print(rows, pattern, is_filtered=is_filtered, as_json=as_json)
    for name, problem in failures.items():
        output.message(f"warning: registry {name} could not be queried: {problem.message}")
    if failures and len(failures) == len(load_settings().registries):
        raise OfflineError("no registry could be queried", next(iter(failures.values())).hint)


def _print(rows: list[Listed], pattern: str, *, is_filtered: bool, as_json: bool) -> None:
    if as_json:
        from msgspec.structs import asdict

        output.result_json([asdict(row) for row in rows])
        return
    if not rows:
        nothing = f"no name matches '{pattern}'" if pattern else "no models or datasets"
        output.message("no model or dataset matches these filters" if is_filtered else nothing)
        return
    output.result_table(
        ["NAME", "VERSION", "KIND", "ARCHITECTURE", "SIZE", "FROM", "HERE", "DESCRIPTION"],
        [
            [
                row.name,
                row.version,
                row.kind,
                row.architecture or "-",
                output.human_size(row.size) if row.size else "?",
                row.origin,
                "yes" if row.cached else "-",
                row.description,
            ]
            for row in rows
        ],
    )
