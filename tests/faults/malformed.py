"""Documents and texts from outside that are malformed: refused in our own words, and soon."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.settings import load_settings
from registry.cards import read_card
from registry.documents import parse_document, sealed
from registry.index import names_bytes, page_bytes, parse_index_1, parse_names, parse_page
from registry.manifest import parse_manifest
from registry.references import Reference
from registry.stores import open_store
from registry.trust import Seen, _record
from tests.faults.verdict import HANGS, WRONG
from tests.faults.world import FORMAT_1, LAB, new_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tests.faults.cases import Case
    from tests.faults.verdict import Verdict
    from tests.faults.world import World

LONGEST = 1.0  # seconds that anything of a document's size may take
HOSTILE_JSON = (
    "null", "true", "0", "-1", "1e400", "NaN", "-Infinity", "9" * 5000, "1.5", '""', '"\\ud800"',
    '"\\u0000"', '"\\u001b[2J"', '"../x"', '"' + "x" * 70000 + '"', "[]", "{}", "[" * 600,
    "[[[[]]]]", '{"a":1,"a":2}', '"con"', '"1.0.0"', '"latest"', '"\\u202e"', "[0]" * 2, '"~x/y"',
    "[" + "0," * 50000 + "0]", "[" * 60 + "]" * 60, "",
)  # fmt: skip
HOSTILE_TEXT = (
    "", " ", "\0", "\x1b[2J", "\u202e", "a" * 100_000, "../..", "~nouser/x", "a@", "@", "a@b@c",
    "/", "//", "a/b/c", "con", "aux.json", "a@sha256:", "a@sha256:" + "0" * 12, "a@01.0.0",
    "a@" + "9" * 5000, "a@1.2.3.4", "\ud800", "http://[", "http://", "file://host/x", "ftp://x",
    "http://u:p@h/", "http://h:99999/", "http://h:x/", "lab=", "=x", "a=b,a=c", "a=b,,", "A=b",
    "a=http://[", "local=x", "builtin=/x", "a=~nouser/x", "a=\0", "\u0661@\u0661.0.0", "a\n",
)  # fmt: skip
HOSTILE_YAML = (
    "!!timestamp foo", "!!python/object:os.system x", "&a [*a]", "*nothing", "[1, 2", "{a: b",
    "2020-13-45", "!!int x", "!!binary %%%", "? x", "\t", "- - - -", "0x", "1e400", ".nan", "~",
    "!!float x", "&a {x: *a}", "[" * 500, "'" * 3, "\x00", "\x85", "{a: 1, a: 2}", "<<: x", "12:99",
    ("&a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e]"),
)  # fmt: skip
CARD = """---
name: toy
version: 1.0.0
kind: model
description: A toy
license: MIT
citation: someone
source:
  repository: somebody/toys
  commit: abc
  path: models/toy.bin
  url: https://example.org/toy.bin
  size: 12
  sha256: "{}"
importer: toy
---

# toy
""".format("0" * 64)

_MINE = new_version("mine", "1.0.0", LAB, "weights")


@dataclass(frozen=True)
class Document:
    """A kind of document: one that is right, and what reads it (the bytes, in an empty folder)."""

    right: bytes
    read: Callable[[bytes, Path], object]
    is_sealed: bool = False
    is_json: bool = True


def _page() -> bytes:
    from registry.index import with_version

    return page_bytes("mine", with_version(None, _MINE.manifest, _MINE.digest))


def _text(data: bytes) -> str:
    # As arguments and the environment come: bytes that are no UTF-8 become surrogates.
    return data.decode(errors="surrogateescape")


def _read_settings(data: bytes, folder: Path) -> object:
    (folder / "settings.json").write_bytes(data)
    return load_settings({"HUB_HOME": str(folder)})


def _read_registries(data: bytes, folder: Path) -> object:
    found = load_settings({"HUB_HOME": str(folder), "HUB_REGISTRIES": _text(data)})
    return [open_store(location) for location in found.registries.values()]


def _read_card(data: bytes, folder: Path) -> object:
    (folder / "toy.md").write_bytes(data)
    return read_card(folder / "toy.md")


def _read_seen(data: bytes, folder: Path) -> object:
    seen = Seen(folder)
    path = seen._path("/lab", "mine", "1.0.0")
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return seen.digest("/lab", "mine", "1.0.0")


DOCUMENTS = {
    "manifest": Document(_MINE.data, lambda data, _: parse_manifest(data)),
    "page": Document(_page(), lambda data, _: parse_page(data, "mine", "page"), is_sealed=True),
    "list of names": Document(
        names_bytes({"mine", "yours"}), lambda data, _: parse_names(data, "list"), is_sealed=True
    ),
    "index of format 1": Document(
        (FORMAT_1 / "registry" / "index.json").read_bytes(),
        lambda data, _: parse_index_1(data, "index"),
    ),
    "marker": Document(b'{"format":2,"name":"lab"}', lambda d, _: parse_document(d, "marker", 2)),
    "seen record": Document(sealed(_record("/lab", "mine", "1.0.0", "0" * 64)), _read_seen),
    "settings": Document(
        b'{"cache": "/x", "offline": false, "mirror": "/m", "registries": {"lab": "/lab"}}',
        _read_settings,
    ),
    "card": Document(CARD.encode(), _read_card, is_json=False),
    "reference": Document(
        b"lab/mine@1.0.0", lambda data, _: Reference.parse(_text(data)), is_json=False
    ),
    "location": Document(
        b"https://example.org/lab", lambda data, _: open_store(_text(data)), is_json=False
    ),
    "HUB_REGISTRIES": Document(b"lab=/lab,other=https://x.org/y", _read_registries, is_json=False),
}


def _edit(document: Document, random: Random) -> bytes:
    """Change, add, remove or repeat some bytes."""
    data = bytearray(document.right)
    for _ in range(random.choice([1, 1, 2, 5])):
        place = random.randrange(len(data) + 1)
        part = bytes(random.choices(range(256), k=random.choice([0, 1, 3])))
        data[place : place + random.choice([0, 1, 4])] = part * random.choice([1, 1, 40])
    return bytes(data)


def _put(document: Document, random: Random) -> bytes:
    """Put something hostile where a value is."""
    if not document.is_json:
        return _put_text(document, random)
    content = json.loads(document.right)
    places = list(_places(content))
    holder, key = random.choice(places)
    holder[key] = "@value@"
    if random.random() < 0.2 and isinstance(holder, dict):
        holder["more"] = holder.pop(key)
    value = random.choice(HOSTILE_JSON)
    if document.is_sealed and random.random() < 0.5:
        try:
            holder[key] = json.loads(value)
            content.pop("checksum", None)
            return sealed(content)
        except (ValueError, RecursionError):
            holder[key] = "@value@"
    return json.dumps(content).replace('"@value@"', value).encode()


def _put_text(document: Document, random: Random) -> bytes:
    if document.right.startswith(b"---"):
        lines = document.right.decode().splitlines()
        number = random.randrange(1, len(lines) - 3)
        lines[number] = f"{lines[number].partition(':')[0]}: {random.choice(HOSTILE_YAML)}"
        return "\n".join(lines).encode()
    hostile = random.choice(HOSTILE_TEXT).encode(errors="surrogatepass")
    place = random.randrange(len(document.right) + 1)
    part = document.right[:place] + hostile + document.right[place:]
    return random.choice([hostile, part])


def _places(content: object) -> list[tuple[dict | list, object]]:
    if isinstance(content, dict):
        pairs = [(content, key) for key in content]
    elif isinstance(content, list):
        pairs = [(content, number) for number in range(len(content))]
    else:
        return []
    return pairs + [pair for holder, key in pairs for pair in _places(holder[key])]


FAULTS: dict[str, Callable[[Document, Random], bytes]] = {
    "edited": _edit,
    "hostile value": _put,
    "cut": lambda document, random: document.right[: random.randrange(len(document.right))],
    "repeated": lambda document, random: document.right * random.choice([2, 3, 1000]),
    "something else": lambda document, random: random.choice(
        [each.right for each in DOCUMENTS.values()] + [bytes(100), b"\xff\xfe", b"", b"{" * 10**5]
    ),
}


def play_malformed(case: Case, world: World, random: Random, verdict: Verdict) -> None:
    """Read something malformed: an answer or an error of ours, within a second."""
    document = DOCUMENTS[case.place]
    data = FAULTS[case.fault](document, random)
    folder = world.root
    verdict.note(repr(data[:3000]))
    began = time.monotonic()
    found = verdict.attempt(f"read a {case.place}", lambda: document.read(data, folder))
    if time.monotonic() - began > LONGEST:
        verdict.fail(HANGS, f"it took {time.monotonic() - began:.1f} s")
    # Whoever makes a checksum can say anything; what it does not fit is damage.
    if found is not None and document.is_sealed and data != document.right:
        content = json.loads(data)
        content.pop("checksum", None)
        is_format_1 = content.get("format") == 1
        if not is_format_1 and data != sealed(content):
            verdict.fail(WRONG, f"a damaged {case.place} was read")
