"""Choose what comes with the package: ``python cards/make/ship.py --from DIR NAME@VERSION ...``.

Makes the registry inside the package hold exactly the versions that are named, which are looked for
in the directory registries given, and in what is shipped so far. Models come into a directory
registry by ``hub publish RUN --to DIR``, datasets by ``hub import ... --to DIR``. While a name is
shipped nobody can publish under it: to make a new version of it, ship the others alone meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from registry.builtin import Builtin
from registry.cards import builtin_cards
from registry.catalogue import Catalogue
from registry.errors import RegistryError
from registry.files import files_below, scratch_directory
from registry.local import LocalStore
from registry.origins import BUILTIN
from registry.references import Reference
from registry.registry import Registry
from registry.removal import MARKER_NAME, remove
from registry.shipped import FOLDER, ShippedRegistry
from registry.stores.base import MARKER
from registry.stores.directory import DirectoryStore

LARGEST = 8_000_000  # bytes of all files together


def main() -> None:
    """Ship what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="sources", action="append", type=Path, default=[])
    parser.add_argument("names", nargs="*", metavar="NAME@VERSION")
    given = parser.parse_args()
    try:
        size = ship(given.names, given.sources)
    except RegistryError as problem:
        sys.exit(f"error: {problem.message}\n{problem.hint}".rstrip())
    print(f"{len(given.names)} versions, {size / 1e6:.2f} MB, in {FOLDER}")


def ship(names: list[str], sources: list[Path], folder: Path = FOLDER) -> int:
    """Make `folder` a registry of these versions alone, and return the bytes of its files."""
    cards = builtin_cards()
    with scratch_directory(folder.parent) as scratch:
        new = Registry(BUILTIN, DirectoryStore(scratch / "new"))
        new.begin()
        places = [place for place in (*sources, folder) if (place / MARKER).exists()]
        registries = [Registry(f"place-{n}", DirectoryStore(at)) for n, at in enumerate(places)]
        # Nothing is built in while it is looked for, so that these places are asked for all names.
        Registry(BUILTIN, DirectoryStore(scratch / "none")).begin()
        builtin = Builtin(cards, {}.get, offline=True, shipped=ShippedRegistry(scratch / "none"))
        catalogue = Catalogue(LocalStore(scratch / "cache"), registries, builtin)
        for name in names:
            version = catalogue.pull(Reference.parse(name))
            if version.manifest.name in cards or not version.manifest.licence:
                sys.exit(f"{name} has a card among the published ones, or no licence")
            new.publish(version.path, version.manifest)
        for leftover in ("locks", "parts", MARKER_NAME):
            remove(scratch / "new" / leftover)
        size = sum(path.stat().st_size for path in files_below(scratch / "new"))
        if size > LARGEST:
            sys.exit(f"{size / 1e6:.1f} MB are too much to ship: at most {LARGEST / 1e6:.0f} MB")
        if folder.exists():
            folder.replace(scratch / "old")
        (scratch / "new").replace(folder)
    return size


if __name__ == "__main__":
    main()
