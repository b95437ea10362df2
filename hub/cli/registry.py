"""``hub registry``: manage the registries that are searched for names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import json_option
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from registry.copying import Copies


@click.group(name="registry")
def command() -> None:
    """Manage the registries in which names are looked up."""


@command.command(name="add", short_help="Add a registry.")
@click.argument("name")
@click.argument("location")
def add(name: str, location: str) -> None:
    """Add the registry at LOCATION under a NAME of your choice.

    LOCATION is a directory, or an address: file://, http:// or https:// for a web server, s3://, gs://
    or az:// for a bucket (see `hub guide registries`), or a scheme that another package adds. A
    directory or bucket becomes a registry when a version is first published to it. A query in a web
    address, such as ?token=..., is sent with every request and never shown.
    """
    from hub.registries import add_registry

    added = add_registry(name, location)
    if added.names is None:
        output.message(f"added, but: {added.problem}")
    else:
        output.message(f"added, with {added.names} names")


@command.command(name="list", short_help="List the registries.")
@json_option
def show_registries(as_json: bool) -> None:
    """List the registries in the order in which they are searched."""
    from hub.registries import list_registries

    registries = list_registries()
    if as_json:
        output.result_json([each._asdict() for each in registries])
    elif registries:
        output.result_table(["NAME", "LOCATION"], registries)
    else:
        output.message("no registries; add one with `hub registry add NAME LOCATION`")


@command.command(name="remove", short_help="Remove a registry.")
@click.argument("name")
def remove(name: str) -> None:
    """Stop searching the registry NAME. Versions pulled from it stay on this machine."""
    from hub.registries import remove_registry

    remove_registry(name)
    output.message(f"removed {name}")


@command.command(name="repair", short_help="Repair a registry.")
@click.argument("name")
@click.argument("versions", nargs=-1, metavar="[NAME@VERSION]...")
@json_option
def repair(name: str, versions: tuple[str, ...], as_json: bool) -> None:
    """Repair the registry NAME, and update it to the current format.

    Give a registry by its name, as ./directory or address, or as local for this machine's own.
    Registries behind a web server are repaired in the directory from which they are served.

    Entries missing from its index are restored from manifests whose files are intact. Nothing is
    deleted: replaced files are kept in its folder set-aside. Versions missing from an intact index
    because publishing was killed are only reported; give them as arguments to add them to it.
    """
    from dataclasses import asdict

    from hub.registries import repair_registry

    done = repair_registry(name, versions)
    if as_json:
        output.result_json(asdict(done))
        return
    output.result(f"{name}: {len(done.restored)} versions restored")
    for title, found in (
        ("restored", done.restored),
        ("no longer listed: its index entry had the manifest of another version", done.withdrawn),
        ("not listed: publishing was killed", done.unlisted),
        ("incomplete: publish the same content again to restore it", done.incomplete),
        ("lost its aliases; latest now means the newest version", done.aliases_lost),
        ("replaced and kept as", done.set_aside),
    ):
        for each in found:
            output.result(f"{title}: {each}")


@command.command(name="copy", short_help="Copy versions to another registry.")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--from", "source", metavar="REGISTRY", required=True, help="The registry to copy from."
)
@click.option("--to", metavar="REGISTRY", required=True, help="The registry to copy to.")
@json_option
def copy_versions(names: tuple[str, ...], source: str, to: str, as_json: bool) -> None:
    """Copy the versions NAMES and all their parents from one registry to another.

    NAME means the newest version, NAME@1.2.0 or NAME@1 another one, NAME@* all of them; 'c-*' means
    every name that matches. Give a registry by its name, as ./directory or address, or as local for
    this machine's own.

    Digests stay the same. Files that the target already has are not sent again; repeat an
    interrupted copy to resume it.
    """
    from hub.registries import copy

    with progress_bar("copying", in_bytes=True) as progress:
        done = copy(names, from_=source, to=to, progress=progress)
    if as_json:
        from dataclasses import asdict

        output.result_json(asdict(done))
    else:
        _print_copies(done)
    for parent, children in done.missing.items():
        output.message(
            f"note: {done.source} does not have {parent}, a parent of {', '.join(children)}"
        )


def _print_copies(done: Copies) -> None:
    for each in done.versions:
        state = "already there" if each.was_there and not each.sent else "copied"
        sent = f", {output.human_size(each.sent)} sent" if each.sent else ""
        output.result(f"{done.target}/{each.name}@{each.version}: {state}{sent}")
