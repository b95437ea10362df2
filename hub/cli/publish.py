"""``hub publish``: make a trained model a version that others can pull."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import json_option

if TYPE_CHECKING:
    from registry.versions import LocalVersion


@click.command(name="publish", short_help="Make a trained model a version that others can pull.")
@click.argument("directory", metavar="RUN")
@click.option("--name", required=True, help="What it is to be called.")
@click.option("--version", required=True, help="MAJOR.MINOR.PATCH, such as 1.0.0.")
@click.option(
    "--to",
    metavar="REGISTRY",
    help="The name of a registry, or ./directory.  [default: this machine's own]",
)
@click.option("--license", "licence", metavar="ID", help="Such as MIT or CC-BY-4.0.")
@click.option("--description", metavar="TEXT", help="One line for people.")
@click.option(
    "--accept",
    is_flag=True,
    help="Publish though this machine has seen other content there under this version.",
)
@json_option
def command(
    directory: str,
    name: str,
    version: str,
    to: str | None,
    licence: str | None,
    description: str | None,
    accept: bool,
    as_json: bool,
) -> None:
    """Publish RUN, a run folder or a model directory, for good.

    Its card needs a licence and a description; --license and --description give or replace them.
    The model is checked against its stored predictions first. What is published never changes.
    """
    from hub.publishing import publish
    from registry.origins import LOCAL

    published = publish(
        directory,
        name,
        version,
        to=to or LOCAL,
        licence=licence,
        description=description,
        accept=accept,
    )
    _warn_of_parents(published)
    _say_how_to_pull(published, to)
    reference = str(published.reference)
    if as_json:
        output.result_json({"reference": reference, "digest": published.digest})
    else:
        output.message(f"published with digest sha256:{published.digest}")
        output.result(reference)


def _say_how_to_pull(published: LocalVersion, to: str | None) -> None:
    """Say how to make a registry known that was named by its directory only."""
    from hub.settings import load_settings

    if to is not None and published.origin not in load_settings().registries:
        output.message(
            f"to pull it by name: hub registry add {published.origin} {to}; others do the same"
        )


def _warn_of_parents(published: LocalVersion) -> None:
    """Say where a built-in parent states no licence: publishing may need its authors' consent."""
    from registry.cards import builtin_cards

    cards = builtin_cards()
    for parent in published.manifest.parents:
        card = cards.get(parent.name)
        note = card.front_matter.get("license_note") if card else None
        if note:
            output.message(f"note: {parent.name}, which it was trained from: {note}")
