"""Cards: Markdown for people under YAML front matter for programs, as model hubs have them.

The cards in the project's ``cards`` folder are the built-in registry: each says where a published
file is, how it is recognised, and which importer turns it into a version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from registry.errors import RegistryError, SettingsError
from registry.manifest import KINDS
from registry.references import check_name, check_version
from registry.sources import FieldError, Source, parse_source, parse_sources

if TYPE_CHECKING:
    from registry.manifest import Kind

FILE_NAME = "README.md"
_FENCE = "---"


@dataclass(frozen=True)
class Card:
    """A built-in card. Its front matter is the truth; `text` is the whole file."""

    path: Path
    front_matter: dict[str, Any] = field(repr=False)
    text: str = field(repr=False)

    @property
    def name(self) -> str:
        """The name it is pulled by."""
        return check_name(self._string("name"))

    @property
    def version(self) -> str:
        """The version of what the importer makes."""
        return check_version(self._string("version"))

    @property
    def kind(self) -> Kind:
        """What it is: a model or a dataset."""
        kind = self._string("kind")
        if kind not in KINDS:
            raise self._wrong("kind", f"one of {', '.join(KINDS)}")
        return cast("Kind", kind)

    @property
    def description(self) -> str:
        """One line for people."""
        return self._string("description")

    @property
    def licence(self) -> str:
        """The licence's identifier; where that is ``other``, its name."""
        licence = self._string("license")
        return self._string("license_name") if licence == "other" else licence

    @property
    def importer(self) -> str:
        """The name of what turns the source file into a version."""
        return self._string("importer")

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The published files that the importer needs, in its order."""
        content = self.front_matter
        try:
            if "sources" in content:
                return parse_sources(content["sources"])
            return (parse_source(content.get("source")),)
        except FieldError as problem:
            raise self._wrong(problem.name, problem.wanted) from problem

    @property
    def source(self) -> Source:
        """The published file, of a card that has one."""
        (source,) = self.sources
        return source

    @property
    def size(self) -> int:
        """The bytes of the published files, as far as they are known."""
        return sum(source.size or 0 for source in self.sources)

    def check(self) -> None:
        """Read every field that the registry needs, and raise `SettingsError` for a wrong one."""
        for name in ("name", "version", "kind", "description", "licence", "importer", "sources"):
            try:
                getattr(self, name)
            except SettingsError:
                raise
            except RegistryError as problem:
                raise SettingsError(f"{self.path}: {problem.message}", problem.hint) from problem

    def _string(self, name: str) -> str:
        value = self.front_matter.get(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "some text (in quotes, if it looks like a number)")
        return value

    def _wrong(self, name: str, wanted: str) -> SettingsError:
        return SettingsError(f"{self.path}: the front matter's {name!r} must be {wanted}")


def split_front_matter(text: str, place: str) -> tuple[dict[str, Any], str]:
    """Return the front matter and the Markdown below it.

    Parameters
    ----------
    text
        A whole card.
    place
        Where the text came from, for messages.

    Raises
    ------
    SettingsError
        If there is no front matter, or it is no YAML mapping.
    """
    import yaml

    opening, *lines = text.splitlines(keepends=True) or [""]
    closing = next((n for n, line in enumerate(lines) if line.rstrip() == _FENCE), None)
    if opening.rstrip() != _FENCE or closing is None:
        raise SettingsError(f"{place}: a card begins with YAML between two lines of '{_FENCE}'")
    # The C loader is ten times faster, and not in every build of the package.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load("".join(lines[:closing]), Loader=loader)  # noqa: S506 - both are safe
    except (yaml.YAMLError, ValueError) as problem:
        raise SettingsError(f"{place}: the front matter is not YAML: {problem}") from problem
    if not isinstance(content, dict):
        raise SettingsError(f"{place}: the front matter is not a YAML mapping")
    return content, "".join(lines[closing + 1 :]).lstrip("\n")


def join_front_matter(front_matter: dict[str, Any], body: str) -> str:
    """Write a card; `split_front_matter` reads it back."""
    import yaml

    head = yaml.safe_dump(front_matter, sort_keys=False, allow_unicode=True, width=100)
    return f"{_FENCE}\n{head}{_FENCE}\n\n{body}"


def read_card(path: Path) -> Card:
    """Read and check one built-in card.

    Raises
    ------
    SettingsError
        If a field is missing or wrong; the message names file and field.
    """
    text = path.read_text(encoding="utf-8")
    front_matter, _ = split_front_matter(text, str(path))
    card = Card(path, front_matter, text)
    card.check()
    return card


def builtin_cards(folder: Path | None = None) -> dict[str, Card]:
    """Return the built-in cards by name.

    They lie inside the package when it is installed, and beside it in a working tree.
    """
    here = Path(__file__).resolve().parent
    folders = [folder] if folder else [here / "_cards", here.parent / "cards"]
    found = next((place for place in folders if place.is_dir()), None)
    if found is None:
        raise SettingsError(
            f"the built-in cards are missing from {here}", "Install mlip-hub again."
        )
    paths = [path for kind in KINDS for path in found.glob(f"{kind}s/*.md")]
    cards = [read_card(path) for path in sorted(paths)]
    return {card.name: card for card in cards}
