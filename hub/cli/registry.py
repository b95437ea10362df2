"""``hub registry``: the registries that names are looked for in."""

from __future__ import annotations

import click

from hub.cli import output
from hub.cli.arguments import json_option


@click.group(name="registry", short_help="Add, list, remove or repair registries.")
def command() -> None:
    """Add, list, remove or repair the registries that names are looked for in, in their order."""


@command.command(name="add", short_help="Add a registry.")
@click.argument("name")
@click.argument("location")
def add(name: str, location: str) -> None:
    """Add the registry at LOCATION under a NAME of your choice.

    LOCATION is a directory, or an address that begins with file://, http:// or https://, or is of a
    kind that another package adds. A directory becomes a registry when something is first published
    to it. A query in an address, such as ?token=..., goes with every request and is shown nowhere.
    """
    from hub.settings import load_settings, store_registries
    from registry.errors import ExistsError, OfflineError
    from registry.registry import Registry
    from registry.stores import open_store
    from registry.stores.addresses import without_credentials
    from registry.stores.directory import DirectoryStore

    settings = load_settings()
    if name in settings.registries:
        raise ExistsError(
            f"there is a registry '{name}' at {without_credentials(settings.registries[name])}",
            f"Remove it first: hub registry remove {name}",
        )
    store = open_store(location, offline=settings.offline)
    # A relative path would mean another place tomorrow; of an address, what may be shown is less.
    kept = store.location if isinstance(store, DirectoryStore) else location
    store_registries({**settings.registries, name: kept})
    try:
        names = len(Registry(name, store).names())
    except OfflineError as problem:
        output.message(f"added, but: {problem.message}")
    else:
        output.message(f"added, with {names} names")


@command.command(name="list", short_help="List the registries.")
@json_option
def list_registries(as_json: bool) -> None:
    """List the registries in the order in which they are asked."""
    from hub.settings import load_settings
    from registry.stores.addresses import without_credentials

    stored = load_settings().registries
    registries = {name: without_credentials(at) for name, at in stored.items()}
    if as_json:
        output.result_json([{"name": n, "location": at} for n, at in registries.items()])
    elif registries:
        output.result_table(["NAME", "LOCATION"], registries.items())
    else:
        output.message("there are none; add one with `hub registry add NAME LOCATION`")


@command.command(name="remove", short_help="Remove a registry.")
@click.argument("name")
def remove(name: str) -> None:
    """Ask the registry NAME no more. What was pulled from it stays on this machine."""
    from hub.settings import load_settings, store_registries
    from registry.errors import NotFoundError

    registries = load_settings().registries
    if name not in registries:
        raise NotFoundError(
            f"there is no registry '{name}'", f"There are: {', '.join(registries) or 'none'}."
        )
    store_registries({key: at for key, at in registries.items() if key != name})
    output.message(f"removed {name}")


@command.command(name="repair", short_help="Mend a registry in a directory.")
@click.argument("name")
@click.argument("versions", nargs=-1, metavar="[NAME@VERSION]...")
@json_option
def repair(name: str, versions: tuple[str, ...], as_json: bool) -> None:
    """Mend the registry NAME (or ./directory, or local), and bring it to today's format.

    Rows that its index has lost are restored from the manifests whose files are whole. Nothing is
    deleted: what is replaced is kept in its folder set-aside. Versions that a whole index does not
    list, because their publishing was killed, are named, and listed if you name them.
    """
    from dataclasses import asdict

    from hub.library import catalogue
    from registry.publishing import target
    from registry.repair import repair as repair_registry

    names = catalogue()
    registry = target(names, name)
    local = names.local if registry is names.local.own else None
    done = repair_registry(registry, versions, local=local)
    if as_json:
        output.result_json({**asdict(done), "set_aside": [str(path) for path in done.set_aside]})
        return
    output.result(f"{registry.location}: {len(done.restored)} versions restored")
    for title, found in (
        ("restored", done.restored),
        ("no longer listed, since the index gave them the manifest of another", done.withdrawn),
        ("not listed, since their publishing was killed", done.unlisted),
        ("incomplete; publishing the same content again puts it back", done.incomplete),
        ("lost their aliases; latest means the newest version", done.aliases_lost),
        ("replaced, and kept as", [str(path) for path in done.set_aside]),
    ):
        for each in found:
            output.result(f"{title}: {each}")
