"""``hub publish``: publish a trained model as a version that others can pull."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import json_option, version_option
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from registry.versions import LocalVersion


@click.command(name="publish")
@click.argument("directory", metavar="RUN")
@click.option(
    "--name", help="Name to publish under.", show_default="the name of the repository in --to"
)
@version_option
@click.option(
    "--to",
    metavar="REGISTRY",
    default="local",
    show_default="this machine's own",
    help="Registry to publish to: a name, ./directory, an address, or a repository on the Hugging "
    "Face Hub, hf://org/name or hf://datasets/org/name.",
)
@click.option("--private", is_flag=True, help="Make a new repository on the Hub private.")
@click.option("--license", "licence", metavar="ID", help="Licence, e.g. MIT or CC-BY-4.0.")
@click.option(
    "--license-reason",
    "license_reason",
    metavar="TEXT",
    default="",
    help="Why the licence is valid although it conflicts with that of a parent; shown on the card.",
)
@click.option("--description", metavar="TEXT", help="One-line description.")
@click.option(
    "--accept",
    is_flag=True,
    help="Publish even if this machine has seen different content for this version there.",
)
@json_option
def command(
    directory: str,
    name: str | None,
    version: str,
    to: str,
    private: bool,
    licence: str | None,
    license_reason: str,
    description: str | None,
    accept: bool,
    as_json: bool,
) -> None:
    """Publish RUN: a run folder, a model directory, or a dataset (its name or directory).

    Its card needs a licence and a description; --license and --description set or replace them.
    A model is first checked against its stored predictions. A published version never changes.
    """
    from hub.publishing import publish

    with progress_bar("publishing", in_bytes=True) as progress:
        published = publish(
            directory,
            name,
            version,
            to=to,
            license=licence,
            license_reason=license_reason,
            description=description,
            private=private,
            accept=accept,
            progress=progress,
        )
    _warn_of_parents(published)
    _say_how_to_pull(published, to)
    reference = str(published.reference)
    if as_json:
        output.result_json({"reference": reference, "digest": published.digest})
    else:
        output.message(f"published with digest sha256:{published.digest}")
        output.result(reference)


def _say_how_to_pull(published: LocalVersion, to: str) -> None:
    """Print how to add a registry that was given only by its directory."""
    from hub.registries import list_registries
    from registry.huggingface.addresses import is_address

    known = {"local", *(registry.name for registry in list_registries())}
    if is_address(published.origin):
        output.message(f"others pull it with: hub pull {published.reference}")
    elif published.origin not in known:
        output.message(
            f"to pull it by name, you and others can run: hub registry add {published.origin} {to}"
        )


def _warn_of_parents(published: LocalVersion) -> None:
    """Warn of built-in parents without a licence: their authors may have to agree."""
    from registry.cards import builtin_cards

    cards = builtin_cards()
    for parent in published.manifest.parents:
        card = cards.get(parent.name)
        note = card.front_matter.get("license_note") if card else None
        if note:
            output.message(f"note: about its parent {parent.name}: {note}")
