"""What can happen to a file. Each changes it, and says in words what it did; "" for nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from registry.index import page_bytes, parse_page
from tests.faults.places import moved_place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tests.faults.world import World


def _writable(path: Path) -> Path:
    """Damage is done to the bytes themselves, so that hard links share it."""
    path.chmod(0o644)
    return path


def _flip(world: World, path: Path, others: list[Path], random: Random) -> str:
    data = bytearray(path.read_bytes())
    if not data:
        return ""
    position, bit = random.randrange(len(data)), random.randrange(8)
    data[position] ^= 1 << bit
    _writable(path).write_bytes(data)
    return f"bit {bit} of byte {position}"


def _truncate(world: World, path: Path, others: list[Path], random: Random) -> str:
    data = path.read_bytes()
    if not data:
        return ""
    count = random.randrange(len(data))
    os.truncate(_writable(path), count)
    return f"to {count} of {len(data)} bytes"


def _extend(world: World, path: Path, others: list[Path], random: Random) -> str:
    more = random.choice([b"\0", b" ", b"\n", b"}", path.read_bytes(), bytes(5000)])
    with _writable(path).open("ab") as file:
        file.write(more)
    return f"by {len(more)} bytes"


def _empty(world: World, path: Path, others: list[Path], random: Random) -> str:
    os.truncate(_writable(path), 0)
    return "it"


def _garbage(world: World, path: Path, others: list[Path], random: Random) -> str:
    data = random.choice(GARBAGE)
    _writable(path).write_bytes(data)
    return repr(data[:40])


GARBAGE = (
    b"null", b"[]", b"{}", b"0", b'""', b'{"format": 2}', b'{"format": 99}', b"\xff\xfe\x00",
    b'{"format": 1, "names": {}}', b'{"format": 2, "names": []}', b"[" * 3000, b"<html></html>",
    b'{"format": 1e400}', b'{"format": -1}', b'{"format": true}', b'"\\ud800"', bytes(100),
)  # fmt: skip


def _delete(world: World, path: Path, others: list[Path], random: Random) -> str:
    path.unlink()
    return "it"


def _swap(world: World, path: Path, others: list[Path], random: Random) -> str:
    if not others:
        return ""
    other = random.choice(others)
    first, second = path.read_bytes(), other.read_bytes()
    for target, data in ((path, second), (other, first)):
        target.unlink()
        target.write_bytes(data)
    return f"with {other.relative_to(world.root)}"


def _duplicate(world: World, path: Path, others: list[Path], random: Random) -> str:
    if not others:
        return ""
    other = random.choice(others)
    path.unlink()
    path.write_bytes(other.read_bytes())
    return f"of {other.relative_to(world.root)}"


def _roll_back(world: World, path: Path, others: list[Path], random: Random) -> str:
    older = world.older.data(str(path.relative_to(world.root)))
    path.unlink()
    if older is None:
        return "to when it was not there"
    path.write_bytes(older)
    return "to an older state"


def _exchange_rows(world: World, path: Path, others: list[Path], random: Random) -> str:
    """Let a row of a page, with a right checksum, name the manifest of something else."""
    name = path.stem
    if path.parent.name != "index" and "origins" not in path.parts:
        return ""
    entry = parse_page(path.read_bytes(), name, str(path))
    number = random.choice(sorted(entry.versions))
    known = world.versions[name, number]
    other = random.choice([v for v in world.versions.values() if v.key != known.key])
    row = type(entry.versions[number])(other.digest, other.manifest.size)
    entry.versions[number] = row
    path.unlink()
    path.write_bytes(page_bytes(name, entry))
    return f"so that {name}@{number} is {other.reference}"


def _as_folder(world: World, path: Path, others: list[Path], random: Random) -> str:
    data = path.read_bytes()
    path.unlink()
    path.mkdir()
    if random.random() < 0.5:
        (path / path.name).write_bytes(data)
    return "with something in it"


def _as_pipe(world: World, path: Path, others: list[Path], random: Random) -> str:
    path.unlink()
    os.mkfifo(path)
    return "that nobody writes to"


def _as_link(world: World, path: Path, others: list[Path], random: Random) -> str:
    targets = [*world.precious.rglob("*"), world.precious / "nothing", path]
    target = random.choice(sorted(targets))
    path.unlink()
    path.symlink_to(target)
    return f"to {target.name}"


def _moved_file(world: World, path: Path, others: list[Path], random: Random) -> str:
    """Its owner keeps it elsewhere and links to it."""
    target = moved_place(world, path)
    path.rename(target)
    path.symlink_to(target)
    return "away, with a link in its place"


# What is done, and whether something then stands in the way that its owner must remove.
FILE_FAULTS: dict[str, tuple[Callable[..., str], bool]] = {
    "flip": (_flip, False),
    "truncate": (_truncate, False),
    "extend": (_extend, False),
    "empty": (_empty, False),
    "garbage": (_garbage, False),
    "delete": (_delete, False),
    "swap": (_swap, False),
    "duplicate": (_duplicate, False),
    "roll back": (_roll_back, False),
    "exchange rows": (_exchange_rows, False),
    "folder": (_as_folder, True),
    "pipe": (_as_pipe, True),
    "link": (_as_link, True),
    "move": (_moved_file, True),
}
