"""``hub pull``: get a version."""

from __future__ import annotations

from pathlib import Path

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.progress import progress_bar


@click.command(name="pull", short_help="Get a model or dataset.")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--to",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put a copy of your own into this new or empty directory.",
)
@click.option("--update", is_flag=True, help="Ask the registries even if it is on this machine.")
@json_option
def command(name: str, to: Path | None, update: bool, as_json: bool) -> None:
    """Get NAME, verify it, and print the directory that its files are in.

    NAME may be name, name@1.2.0, name@sha256:3f2a91 or registry/name. What is on this machine
    needs no network.
    """
    from hub.library import catalogue
    from registry.references import Reference

    reference = Reference.parse(name)
    with progress_bar(f"pulling {reference.name}", in_bytes=True) as progress:
        version = catalogue().pull(reference, to=to, update=update, progress=progress)
    output.message(f"{version.reference} ({version.digest[:12]})")
    if as_json:
        output.result_json(
            {
                "reference": str(version.reference),
                "digest": version.digest,
                "kind": version.manifest.kind,
                "path": str(version.path),
            }
        )
    else:
        output.result(str(version.path))
