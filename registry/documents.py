"""The JSON documents that we write and read: strict, limited in size, typed by a schema."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, TypeVar

from registry.errors import IncompatibleError, IntegrityError

LARGEST_DOCUMENT = 16 << 20
DEEPEST_DOCUMENT = 50
MOST_VALUES = 2_000_000

Schema = TypeVar("Schema")

_SHA256 = re.compile(r"[0-9a-f]{64}")


class MalformedError(ValueError):
    """A document is not what it must be; the message says what is wrong, not where it stands."""


def canonical_json(value: Any) -> bytes:
    """Write JSON with sorted keys and no spaces; refuses NaN and infinities (ValueError)."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def digest_of(data: bytes) -> str:
    """Return the sha256 of `data`; of a manifest's stored bytes, this is the version's digest."""
    return hashlib.sha256(data).hexdigest()


def is_sha256(text: object) -> bool:
    """Whether `text` is a whole sha256 in lower-case hexadecimal."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def parse_json(data: bytes, *, largest: int = LARGEST_DOCUMENT) -> Any:
    """Read JSON that comes from outside.

    Parameters
    ----------
    data
        UTF-8.
    largest
        Bytes that the document may have.

    Raises
    ------
    MalformedError
        If it is too large or too deep, names a key twice in one object, or holds a number that is
        not finite or a text that is not Unicode.
    """
    if len(data) > largest:
        raise MalformedError(f"it has {len(data):,} bytes, more than {largest:,}")
    try:
        content = json.loads(
            data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
        )
    except MalformedError:
        raise
    except (ValueError, RecursionError) as problem:
        raise MalformedError(f"not JSON: {problem}") from problem
    check_plain(content)
    return content


def check_plain(content: Any) -> None:
    """Refuse what JSON cannot hold, and what is too deep or too much, repeated parts included.

    Raises
    ------
    MalformedError
        Naming what was found.
    """
    waiting, seen = [(content, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST_DOCUMENT:
            raise MalformedError(f"it is nested more than {DEEPEST_DOCUMENT} deep")
        if seen > MOST_VALUES:
            raise MalformedError(f"it holds more than {MOST_VALUES:,} values")
        if isinstance(value, dict):
            waiting.extend((each, depth + 1) for pair in value.items() for each in pair)
        elif isinstance(value, list):
            waiting.extend((each, depth + 1) for each in value)
        else:
            _check_scalar(value)


def fit(content: Any, schema: type[Schema]) -> Schema:
    """Return `content` as a `schema`: of the types it names, within its limits, no key unknown.

    Raises
    ------
    MalformedError
        Naming the field that does not fit.
    """
    import msgspec

    try:
        return msgspec.convert(content, schema)
    except msgspec.ValidationError as problem:
        # msgspec writes paths as `$.size`, which nobody else does.
        raise MalformedError(str(problem).replace("`$.", "`")) from problem


def parse_document(data: bytes, what: str, newest: int) -> dict[str, Any]:
    """Read a JSON object that has a format number of at most `newest`.

    Raises
    ------
    IntegrityError
        If the bytes are no such object; the message names `what` it should have been.
    IncompatibleError
        If a newer release wrote it.
    """
    try:
        content = parse_json(data)
    except MalformedError as problem:
        raise IntegrityError(f"malformed {what}: {problem}") from problem
    if not isinstance(content, dict):
        raise IntegrityError(f"malformed {what}: not a JSON object")
    step = content.get("format")
    if type(step) is not int or step < 1:
        raise IntegrityError(f"malformed {what}: format {str(step)[:20]!r} never existed")
    if step > newest:
        raise IncompatibleError(
            f"the {what} is of format {str(step)[:20]}, and this release reads up to {newest}",
            "Update mlip-hub.",
        )
    return content


def sealed(content: dict[str, Any]) -> bytes:
    """Write canonical JSON that carries a checksum of itself."""
    checksum = digest_of(canonical_json(content))
    return canonical_json({**content, "checksum": checksum})


def open_sealed(data: bytes, what: str, newest: int) -> dict[str, Any]:
    """Read what `sealed` wrote; raises as `parse_document`, and for any byte that has changed."""
    content = parse_document(data, what, newest)
    checksum = content.pop("checksum", None)
    if checksum != digest_of(canonical_json(content)) or sealed(content) != data:
        raise IntegrityError(f"the {what} is damaged: its checksum is another")
    return content


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise MalformedError("it holds half a surrogate pair, which is no text") from problem
    elif isinstance(value, float) and not math.isfinite(value):
        raise MalformedError(f"{value} is not a finite number")
    elif not isinstance(value, str | int | float | bool | None):
        raise MalformedError(f"a {type(value).__name__} cannot stand in it")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise MalformedError(f"the key {twice[:50]!r} stands twice in one object")
    return content


def _refuse_constant(name: str) -> None:
    raise MalformedError(f"{name} is not a finite number")
