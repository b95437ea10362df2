"""Cards: Markdown for people below YAML front matter for programs, as on other model hubs.

The cards in the project's ``cards`` folder are the built-in registry: each gives the location of a
published file, its checksum, and the importer that turns it into a version.
"""

from __future__ import annotations

import json
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from registry.documents import (
    WRONG,
    MalformedError,
    check_plain,
    damage,
    digest_of,
    fit,
    read_bounded,
)
from registry.errors import InvalidReferenceError, SettingsError
from registry.manifest import KINDS
from registry.references import check_name, check_version
from registry.sources import Published, Source, Text, sources_of

if TYPE_CHECKING:
    from registry.installed import InstalledFile
    from registry.manifest import Kind

FILE_NAME = "README.md"
FRONT_MATTERS = "front_matters.json"
LARGEST_CARD = 1 << 20
_FENCE = "---"


class Card(msgspec.Struct, frozen=True, dict=True):
    """A built-in card. Its front matter is authoritative; `text` is the whole file."""

    path: Path
    front_matter: dict[str, Any]
    text: str

    def __repr__(self) -> str:
        return f"Card({str(self.path)!r})"

    @cached_property
    def stated(self) -> _Stated:
        """The fields of the front matter that the registry needs.

        Raises
        ------
        SettingsError
            If a field is missing or invalid.
        """
        hint = "Quote text that looks like a number."
        try:
            with damage(f"the front matter of {self.path}", SettingsError, hint, WRONG):
                stated = fit(self.front_matter, _Stated)
                if stated.license == "other" and not stated.license_name:
                    raise MalformedError("`license: other` needs a `license_name`")
            check_name(stated.name)
            check_version(stated.version)
        except InvalidReferenceError as problem:
            raise SettingsError(f"{self.path}: {problem.message}", problem.hint) from problem
        return stated

    @property
    def name(self) -> str:
        """The name under which it is pulled."""
        return self.stated.name

    @property
    def version(self) -> str:
        """The version that the importer makes."""
        return self.stated.version

    @property
    def kind(self) -> Kind:
        """What it is: a model or a dataset."""
        return self.stated.kind

    @property
    def description(self) -> str:
        """One line for people."""
        return self.stated.description

    @property
    def licence(self) -> str:
        """The licence's identifier, or its name if the identifier is ``other``."""
        return self.stated.license_name if self.stated.license == "other" else self.stated.license

    @property
    def importer(self) -> str:
        """The name of the importer that turns the source file into a version."""
        return self.stated.importer

    @cached_property
    def sources(self) -> tuple[Source | InstalledFile, ...]:
        """The published files that the importer needs, in order."""
        with damage(f"the front matter of {self.path}", SettingsError, verdict=WRONG):
            return sources_of(self.stated)

    @property
    def source(self) -> Source | InstalledFile:
        """The published file of a card that has exactly one."""
        (source,) = self.sources
        return source

    @property
    def size(self) -> int:
        """The total size of the published files in bytes, as far as known."""
        return sum(source.size or 0 for source in self.sources)


class _Stated(Published):
    """The fields of a built-in card that the registry reads; others belong to the importer."""

    name: str
    version: str
    kind: Literal["model", "dataset"]
    description: Text
    license: Text
    importer: Text
    license_name: str = ""


def split_front_matter(text: str, place: str) -> tuple[dict[str, Any], str]:
    """Return the front matter and the Markdown below it.

    Parameters
    ----------
    text
        A whole card.
    place
        Origin of the text, for messages.

    Raises
    ------
    SettingsError
        If there is no front matter, or it is not a YAML mapping.
    """
    opening, *lines = text.splitlines(keepends=True) or [""]
    closing = next((n for n, line in enumerate(lines) if line.rstrip() == _FENCE), None)
    if opening.rstrip() != _FENCE or closing is None:
        raise SettingsError(f"{place}: a card must begin with YAML between two '{_FENCE}' lines")
    with damage(f"the front matter of {place}", SettingsError, verdict=WRONG):
        content = parse_yaml("".join(lines[:closing]))
    if not isinstance(content, dict):
        raise SettingsError(f"{place}: the front matter is not a YAML mapping")
    return content, "".join(lines[closing + 1 :]).lstrip("\n")


def parse_yaml(text: str) -> Any:
    """Read untrusted YAML. Dates stay text.

    Raises
    ------
    MalformedError
        If it is not YAML, contains values that JSON cannot represent, or is too large (aliases
        expanded).
    """
    import yaml

    if len(text) > LARGEST_CARD:
        raise MalformedError(f"it has more than {LARGEST_CARD:,} characters")
    try:
        content = yaml.load(text, Loader=_loader())  # noqa: S506 - both are safe
    except Exception as problem:  # constructors raise whatever they run into
        raise MalformedError(f"not YAML: {problem}") from problem
    check_plain(content)
    return content


@cache
def _loader() -> Any:
    """Return a safe YAML loader that keeps dates as text."""
    import yaml

    # The C loader is ten times faster, but not every build of the package has it.
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [each for each in known if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, known in safe.yaml_implicit_resolvers.items()
    }
    return type("_Loader", (safe,), {"yaml_implicit_resolvers": resolvers})


def join_front_matter(front_matter: dict[str, Any], body: str) -> str:
    """Write a card; `split_front_matter` reads it back."""
    import yaml

    head = yaml.safe_dump(front_matter, sort_keys=False, allow_unicode=True, width=100)
    return f"{_FENCE}\n{head}{_FENCE}\n\n{body}"


def read_text(path: Path) -> str:
    """Return the text of a card.

    Raises
    ------
    SettingsError
        If it cannot be read, is too large, or is not UTF-8.
    """
    with damage(path, SettingsError, verdict=WRONG):
        try:
            return read_bounded(path, LARGEST_CARD).decode()
        except UnicodeDecodeError as problem:
            raise MalformedError(f"not UTF-8: {problem}") from problem


def read_card(path: Path) -> Card:
    """Read and check one built-in card.

    Raises
    ------
    SettingsError
        If a field is missing or invalid; the message names file and field.
    """
    text = read_text(path)
    front_matter, _ = split_front_matter(text, str(path))
    return _checked(Card(path, front_matter, text))


def _checked(card: Card) -> Card:
    _ = card.sources  # checks everything that the registry needs
    return card


def builtin_cards(folder: Path | None = None) -> dict[str, Card]:
    """Return the built-in cards by name.

    They are inside the package when it is installed, and next to it in a working tree.
    """
    here = Path(__file__).resolve().parent
    folders = [folder] if folder else [here / "_cards", here.parent / "cards"]
    found = next((place for place in folders if place.is_dir()), None)
    if found is None:
        raise SettingsError(f"the built-in cards are missing from {here}", "Reinstall mlip-hub.")
    paths = [path for kind in KINDS for path in found.glob(f"{kind}s/*.md")]
    known = read_front_matters(found / FRONT_MATTERS)
    cards = []
    for path in sorted(paths):
        text = read_text(path)
        front_matter = known.get(digest_of(text.encode()))
        cards.append(_checked(Card(path, front_matter, text)) if front_matter else read_card(path))
    return {card.name: card for card in cards}


def read_front_matters(path: Path) -> dict[str, dict[str, Any]]:
    """Return the front matters in a file of :func:`write_front_matters`, by the cards' digests.

    Reading YAML takes longer than all else that ``hub list`` does.

    Raises
    ------
    SettingsError
        If the file is malformed.
    """
    if not path.exists():
        return {}
    with damage(path, SettingsError, verdict=WRONG):
        try:
            return msgspec.json.decode(read_bounded(path), type=dict[str, dict[str, Any]])
        except msgspec.DecodeError as problem:
            raise MalformedError(f"not such JSON: {problem}") from problem


def write_front_matters(folder: Path) -> None:
    """Write the front matters of all cards in a folder as JSON, by the sha256 of the cards."""
    content = {
        digest_of(text.encode()): split_front_matter(text, str(path))[0]
        for path in sorted(folder.glob("*/*.md"))
        if path.parent.name.removesuffix("s") in KINDS and (text := read_text(path))
    }
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (folder / FRONT_MATTERS).write_text(text, encoding="utf-8")
