"""Addresses on the Hugging Face Hub: ``hf://org`` and ``hf://datasets/org``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from registry.errors import InvalidReferenceError

if TYPE_CHECKING:
    from registry.manifest import Kind  # noqa: TC004 - it imports this module

SCHEME = "hf://"
FORMS = "hf://org/name or hf://datasets/org/name"

_DATASETS = "datasets"
_WORD = re.compile(r"\w(?:[\w.-]{0,94}\w)?", re.ASCII)


class Address(Struct, frozen=True):
    """The repositories of one kind that an organisation or user has.

    Parameters
    ----------
    organisation
        Name of an organisation or user.
    kind
        Kind of the repositories.
    """

    organisation: str
    kind: Kind = "model"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse ``hf://org`` or ``hf://datasets/org``; ``str()`` of the result writes it back.

        Raises
        ------
        InvalidReferenceError
            If it is none of these.
        """
        first, slash, second = text.removeprefix(SCHEME).partition("/")
        if slash and first == _DATASETS and is_word(second):
            return cls(second, "dataset")
        if not slash and is_word(first) and first != _DATASETS:
            return cls(first)
        raise InvalidReferenceError(
            f"'{text[:200]}' is not the address of an organisation on the Hugging Face Hub",
            "Write hf://org for its models and hf://datasets/org for its datasets.",
        )

    def __str__(self) -> str:
        prefix = f"{_DATASETS}/" if self.kind == "dataset" else ""
        return f"{SCHEME}{prefix}{self.organisation}"

    def repository(self, name: str) -> str:
        """Return the id of a repository, ``org/name``."""
        return f"{self.organisation}/{name}"

    def path(self, name: str) -> str:
        """Return the path of the web page of a repository."""
        prefix = f"{_DATASETS}/" if self.kind == "dataset" else ""
        return f"{prefix}{self.repository(name)}"


def is_address(text: str) -> bool:
    """Whether a text begins like an address on the Hugging Face Hub."""
    return text.startswith(SCHEME)


def is_word(text: str) -> bool:
    """Whether a text can be the name of an organisation or a repository."""
    return _WORD.fullmatch(text) is not None and "--" not in text and ".." not in text


def split_address(text: str) -> tuple[str, str]:
    """Split ``hf://org/name`` into the address of the organisation and the name.

    The name is empty if the address is that of an organisation.

    Raises
    ------
    InvalidReferenceError
        If it is neither.
    """
    parts = text.removeprefix(SCHEME).split("/")
    depth = 2 if parts[0] == _DATASETS else 1
    organisation, rest = parts[depth - 1 : depth], parts[depth:]
    if not organisation or len(rest) > 1 or not all(map(is_word, organisation + rest)):
        raise InvalidReferenceError(
            f"'{text[:200]}' is not a repository on the Hugging Face Hub", f"Write {FORMS}."
        )
    return SCHEME + "/".join(parts[:depth]), rest[0] if rest else ""
