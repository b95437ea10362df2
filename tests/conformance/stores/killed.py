"""Publish again and again, and be killed before one of the writes, another one each time.

``python -m tests.conformance.stores.killed LOCATION CONTENT FOLDER`` prints one line of JSON for
each death, and one for the publisher that got through. Each publisher is a child of this process,
which never opens a store itself: the threads of a library do not survive a fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry import download
from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.content import damaged_files
from registry.errors import ExistsError, OfflineError
from registry.local import LocalStore
from registry.references import Reference
from registry.registry import Registry
from registry.shipped import ShippedRegistry
from registry.stores import open_store
from registry.stores.base import as_writable
from tests.registry.conftest import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITES = ("put_file", "put_bytes", "swap", "claim")


def main() -> None:
    location, content, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    download.Retries.pause = lambda *_: 0.01  # type: ignore[method-assign]
    Registry("builtin", open_store(str(folder / "package"))).begin()
    for moment in count(1):
        place = f"{location}/{moment}"
        code = in_child(die_while_publishing, place, content, folder, moment)
        found = {"was_killed": code == -signal.SIGKILL}
        found["is_listed"] = in_child(look, place, folder, f"reader-{moment}") == 0
        # Whoever tries again succeeds, or is told that it is there.
        found["is_published_again"] = in_child(again, place, content, folder, moment) == 0
        found["is_intact"] = in_child(look, place, folder, f"later-{moment}") == 0
        print(json.dumps(found), flush=True)
        if code != -signal.SIGKILL:
            break


def in_child(action: Callable[..., bool], *arguments: Any) -> int:
    """Do something in a child; return its exit code, 0 for yes, or the negative signal."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if action(*arguments) else 1
        except Exception:  # noqa: BLE001 - whatever it is, the test shows it
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def machine(place: str, folder: Path, name: str) -> Catalogue:
    builtin = Builtin({}, {}.get, shipped=ShippedRegistry(folder / "package"))
    registry = Registry("lab", open_store(place))
    return Catalogue(LocalStore(folder / "machines" / name), [registry], builtin)


def die_while_publishing(place: str, content: Path, folder: Path, moment: int) -> bool:
    """Publish, and be killed before the n-th write."""
    catalogue = machine(place, folder, f"author-{moment}")
    store, writes = as_writable(catalogue.registries[0].store), count(1)
    for name in WRITES:
        setattr(store, name, dying(getattr(store, name), writes, moment))
    publish(catalogue, content, to="lab")
    return True


def dying(write: Callable[..., Any], writes: Iterator[int], moment: int) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        if next(writes) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(*arguments)

    return counted


def again(place: str, content: Path, folder: Path, moment: int) -> bool:
    try:
        publish(machine(place, folder, f"again-{moment}"), content, to="lab")
    except ExistsError:
        return look(place, folder, f"other-{moment}")
    return True


def look(place: str, folder: Path, name: str) -> bool:
    """Whether the version is listed; what is listed must be intact."""
    catalogue = machine(place, folder, name)
    try:
        entry = catalogue.registries[0].entry("mine")
    except OfflineError:
        return False  # It is not a registry yet.
    if entry is None:
        return False
    version = catalogue.pull(Reference("mine", "1.0.0"))
    if damaged_files(version.path, version.manifest.files):
        raise RuntimeError(f"{place} has damaged files")
    return True


if __name__ == "__main__":
    main()
