"""The JSON documents that we write and read: strict, limited in size, typed by a schema."""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from registry.errors import IncompatibleError, IntegrityError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

LARGEST_DOCUMENT = 16 << 20
DEEPEST_DOCUMENT = 50
MOST_VALUES = 2_000_000
LONGEST_NUMBER = 128  # bits, as random generators have them in their states
WRONG = "is wrong"  # a verdict

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


def read_bounded(path: Path, largest: int = LARGEST_DOCUMENT) -> bytes:
    """Return the bytes of a file that comes from outside.

    Raises
    ------
    MalformedError
        If it is too large, or a pipe, a device or a directory.
    OSError
        If it cannot be read.
    """
    try:
        status = path.stat()
    except ValueError as problem:  # a NUL
        raise MalformedError(f"no file can have this name: {problem}") from problem
    if not stat.S_ISREG(status.st_mode):
        raise MalformedError("it is no regular file")
    with path.open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise MalformedError(f"it has more than {largest:,} bytes")
    return data


@contextmanager
def damage(
    what: object, error: type[RegistryError], hint: str = "", verdict: str = "is damaged"
) -> Iterator[None]:
    """Turn what is wrong with `what`, a file or a part of one, into an error for its user.

    What people write has the `verdict` that it is wrong.
    """
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise error(f"{what} cannot be read: {reason}", hint) from problem
    except MalformedError as problem:
        raise error(f"{what} {verdict}: {problem}", hint) from problem


def check_plain(content: Any) -> None:
    """Refuse what JSON cannot hold, and what is too deep or too much, repeated parts included.

    Raises
    ------
    MalformedError
        Naming what was found.
    """
    waiting: list[tuple[Collection[Any], int]] = [((content,), 0)]
    seen = 0
    while waiting:
        values, depth = waiting.pop()
        seen += len(values)
        if depth > DEEPEST_DOCUMENT:
            raise MalformedError(f"it is nested more than {DEEPEST_DOCUMENT} deep")
        if seen > MOST_VALUES:
            raise MalformedError(f"it holds more than {MOST_VALUES:,} values")
        for value in values:
            if type(value) is str and value.isascii():
                continue  # the most common by far
            if isinstance(value, dict):
                waiting += [(value.keys(), depth + 1), (value.values(), depth + 1)]
            elif isinstance(value, list):
                waiting.append((value, depth + 1))
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
        # msgspec says `Expected ... - at `$.files[0].size``: the field comes first with us.
        text, _, place = str(problem).partition(" - at `$")
        raise _misfit(place.strip(".`"), text) from problem


def fit_whole(content: Any, schema: type[Schema]) -> Schema:
    """Return `content` as a dataclass all of whose fields were written, and nothing else.

    Where a default would stand in for what is missing, the document would change its meaning.

    Raises
    ------
    MalformedError
        Naming the field that is missing, unknown or does not fit.
    """
    found = fit(content, schema)
    _compare_keys(content, asdict(found) if is_dataclass(found) else found, "")  # type: ignore[arg-type]
    return found


def _misfit(place: str, text: str) -> MalformedError:
    return MalformedError(f"{place!r}: {text[0].lower()}{text[1:]}" if place else text)


def _compare_keys(given: Any, known: Any, where: str) -> None:
    if isinstance(given, dict):
        unknown, missing = given.keys() - known.keys(), known.keys() - given.keys()
        if unknown:
            raise _misfit(where, f"Object contains unknown field `{min(unknown)}`")
        if missing:
            raise _misfit(where, f"Object missing required field `{min(missing)}`")
        for name, value in given.items():
            _compare_keys(value, known[name], f"{where}.{name}".lstrip("."))
    elif isinstance(given, list):
        for index, value in enumerate(given):
            _compare_keys(value, known[index], f"{where}[{index}]")


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
    """Read what `sealed` wrote; raises as `parse_document`, and for any byte that has changed.

    Newer releases seal what they write, too: a number of a newer format without is damage.
    """
    try:
        content = parse_document(data, what, newest)
    except IncompatibleError:
        _require_seal(parse_json(data), data, what)
        raise
    _require_seal(content, data, what)
    return content


def _require_seal(content: dict[str, Any], data: bytes, what: str) -> None:
    """Take the checksum out of a document; raise `IntegrityError` unless it is that of `data`."""
    checksum = content.pop("checksum", None)
    if checksum != digest_of(canonical_json(content)) or sealed(content) != data:
        raise IntegrityError(f"the {what} is damaged: its checksum is another")


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise MalformedError("it holds half a surrogate pair, which is no text") from problem
    elif isinstance(value, float) and not math.isfinite(value):
        raise MalformedError(f"{value} is not a finite number")
    elif isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        raise MalformedError("it holds a number that is too large")
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
