"""BibTeX: parse entries, and merge them under unique keys."""

from __future__ import annotations

import re
from typing import NamedTuple

_START = re.compile(r"@([A-Za-z]+)\s*\{\s*([^\s,{}]+)\s*,")
_DOI = re.compile(r"10\.\d{4,9}/[^\s,;{}\"]+")
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9:._-]+")


class Entry(NamedTuple):
    """One entry.

    Attributes
    ----------
    kind
        Such as ``article``.
    key
        Citation key.
    fields
        Text between the key and the closing brace.
    """

    kind: str
    key: str
    fields: str

    def __str__(self) -> str:
        return f"@{self.kind}{{{self.key},\n  {self.fields.strip()}\n}}"

    @property
    def identity(self) -> str:
        """Identifies the work: its DOI, or else the text of all fields."""
        doi = _DOI.search(self.fields)
        if doi:
            return doi[0].rstrip(".").lower()
        return " ".join(self.fields.lower().split()).strip(" ,")


def entries(text: str, key: str) -> list[Entry]:
    """Return the entries in a text; other text becomes the note of a single entry.

    Parameters
    ----------
    text
        BibTeX, a DOI, or any other text.
    key
        Key of the entry if the text is not BibTeX.
    """
    found, place = [], 0
    while start := _START.search(text, place):
        end = _closing(text, start.end())
        if end is None:
            break
        found.append(Entry(start[1].lower(), start[2], text[start.end() : end].strip()))
        place = end + 1
    return found or [_of_text(text, key)]


def together(found: list[Entry]) -> list[Entry]:
    """Return each work once, under a unique key."""
    by_identity: dict[str, Entry] = {}
    for entry in found:
        by_identity.setdefault(entry.identity, entry)
    taken: set[str] = set()
    unique = []
    for entry in by_identity.values():
        key, number = entry.key, 1
        while key.lower() in taken:  # BibTeX ignores case in keys
            number += 1
            key = f"{entry.key}-{number}"
        taken.add(key.lower())
        unique.append(entry._replace(key=key))
    return unique


def _closing(text: str, place: int) -> int | None:
    """Return the position of the brace that closes the one opened before `place`."""
    depth = 1
    for number in range(place, len(text)):
        if text[number - 1] == "\\":
            continue
        depth += {"{": 1, "}": -1}.get(text[number], 0)
        if depth == 0:
            return number
    return None


def _of_text(text: str, key: str) -> Entry:
    doi = _DOI.search(text)
    number = doi[0].rstrip(".") if doi else ""
    fields = [f"doi = {{{number}}}", f"url = {{https://doi.org/{number}}}"] if number else []
    remark = text.replace(f"https://doi.org/{number}", "").replace(number, "") if number else text
    remark = " ".join(remark.split()).replace("{", "(").replace("}", ")").strip(" \\")
    fields += [f"note = {{{remark}}}"] if remark else []
    return Entry("misc", _NOT_IN_KEYS.sub("-", key).strip("-") or "cited", ",\n  ".join(fields))
