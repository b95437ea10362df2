"""Reading and writing JSON documents: strict, limited in size, typed by a schema."""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from registry.errors import IncompatibleError, IntegrityError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

LARGEST_DOCUMENT = 16 << 20
DEEPEST_DOCUMENT = 50
MOST_VALUES = 2_000_000
LONGEST_NUMBER = 128  # bits, as random generators have them in their states
WRONG = "is invalid"  # a verdict

Schema = TypeVar("Schema")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_used: set[Any] = set()
_first_use = Lock()


class MalformedError(ValueError):
    """A document is malformed; the message says what is wrong, but not in which file."""


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
    """Whether `text` is a complete sha256 in lower-case hexadecimal."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def parse_json(data: bytes, *, largest: int = LARGEST_DOCUMENT) -> Any:
    """Read untrusted JSON.

    Parameters
    ----------
    data
        UTF-8.
    largest
        Maximum size of the document in bytes.

    Raises
    ------
    MalformedError
        If it is too large or nested too deeply, repeats a key within an object, or contains a
        number that is not finite or text that is not Unicode.
    """
    if len(data) > largest:
        raise MalformedError(f"it is too large ({len(data):,} bytes, maximum {largest:,})")
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
    """Return the bytes of an untrusted file.

    Raises
    ------
    MalformedError
        If it is too large, or is a pipe, device or directory.
    OSError
        If it cannot be read.
    """
    try:
        status = path.stat()
    except ValueError as problem:  # a NUL
        raise MalformedError(f"invalid file name: {problem}") from problem
    if not stat.S_ISREG(status.st_mode):
        raise MalformedError("it is not a regular file")
    with path.open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise MalformedError(f"it is too large (more than {largest:,} bytes)")
    return data


@contextmanager
def damage(
    what: object, error: type[RegistryError], hint: str = "", verdict: str = "is corrupted"
) -> Iterator[None]:
    """Turn a failure to read `what`, a file or part of one, into an error for the user.

    For files that people write, `verdict` says that they are invalid rather than corrupted.
    """
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise error(f"{what} cannot be read: {reason}", hint) from problem
    except MalformedError as problem:
        raise error(f"{what} {verdict}: {problem}", hint) from problem


def check_plain(content: Any) -> None:
    """Refuse values that JSON cannot represent, and content that is too deep or too large.

    Parts that occur repeatedly count each time.

    Raises
    ------
    MalformedError
        The message says what was found.
    """
    waiting: list[tuple[Collection[Any], int]] = [((content,), 0)]
    seen = 0
    while waiting:
        values, depth = waiting.pop()
        seen += len(values)
        if depth > DEEPEST_DOCUMENT:
            raise MalformedError(f"it is nested more than {DEEPEST_DOCUMENT} levels deep")
        if seen > MOST_VALUES:
            raise MalformedError(f"it contains more than {MOST_VALUES:,} values")
        for value in values:
            if type(value) is str and value.isascii():
                continue  # by far the most common case
            if isinstance(value, dict):
                waiting += [(value.keys(), depth + 1), (value.values(), depth + 1)]
            elif isinstance(value, list):
                waiting.append((value, depth + 1))
            else:
                _check_scalar(value)


def fit(content: Any, schema: type[Schema]) -> Schema:
    """Convert `content` to a `schema`, checking its types and limits; unknown keys are refused.

    Raises
    ------
    MalformedError
        The message names the field that does not fit.
    """
    import msgspec

    try:
        # msgspec 0.22 crashes if threads use a schema for the first time at once.
        with nullcontext() if schema in _used else _first_use:
            return msgspec.convert(content, schema)
    except msgspec.ValidationError as problem:
        # msgspec writes `Expected ... - at `$.files[0].size``: we put the field first.
        text, _, place = str(problem).partition(" - at `$")
        raise _misfit(place.strip(".`"), text) from problem
    finally:
        _used.add(schema)


def fit_whole(content: Any, schema: type[Schema]) -> Schema:
    """Convert `content` to a dataclass; every field must be present, and no others.

    If a default replaced a missing field, the document would change its meaning.

    Raises
    ------
    MalformedError
        The message names the field that is missing, unknown or invalid.
    """
    from dataclasses import asdict, is_dataclass  # slow to import

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
    """Read a JSON object with a format number of at most `newest`.

    Raises
    ------
    IntegrityError
        If the bytes are not such an object; the message names the document as `what`.
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
        raise IntegrityError(f"malformed {what}: unknown format {str(step)[:20]!r}")
    if step > newest:
        raise IncompatibleError(
            f"the {what} has format {str(step)[:20]}, but this release reads only up to {newest}",
            "Update mlip-hub.",
        )
    return content


def sealed(content: dict[str, Any]) -> bytes:
    """Write canonical JSON that includes a checksum of itself."""
    checksum = digest_of(canonical_json(content))
    return canonical_json({**content, "checksum": checksum})


def open_sealed(data: bytes, what: str, newest: int) -> dict[str, Any]:
    """Read what `sealed` wrote; raises like `parse_document`, and if any byte has changed.

    Newer releases seal their documents, too: a newer format number without a seal is damage.
    """
    try:
        content = parse_document(data, what, newest)
    except IncompatibleError:
        _require_seal(parse_json(data), data, what)
        raise
    _require_seal(content, data, what)
    return content


def _require_seal(content: dict[str, Any], data: bytes, what: str) -> None:
    """Remove the checksum from a document; raise `IntegrityError` unless it matches `data`."""
    checksum = content.pop("checksum", None)
    if checksum != digest_of(canonical_json(content)) or sealed(content) != data:
        raise IntegrityError(f"the {what} is corrupted: its checksum does not match")


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise MalformedError(
                "it contains an unpaired surrogate, which is not valid text"
            ) from problem
    elif isinstance(value, float) and not math.isfinite(value):
        raise MalformedError(f"{value} is not a finite number")
    elif isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        raise MalformedError("it contains a number that is too large")
    elif not isinstance(value, str | int | float | bool | None):
        raise MalformedError(f"it contains a {type(value).__name__}, which is not allowed")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise MalformedError(f"duplicate key {twice[:50]!r} in an object")
    return content


def _refuse_constant(name: str) -> None:
    raise MalformedError(f"{name} is not a finite number")
