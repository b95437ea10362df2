"""The small JSON documents that a registry is made of: how they are written, read and refused."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from registry.errors import IncompatibleError, IntegrityError

_SHA256 = re.compile(r"[0-9a-f]{64}")


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
        content = json.loads(data.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise IntegrityError(f"malformed {what}: not JSON: {problem}") from problem
    if not isinstance(content, dict):
        raise IntegrityError(f"malformed {what}: not a JSON object")
    step = content.get("format")
    if type(step) is not int or step < 1:
        raise IntegrityError(f"malformed {what}: format {step!r} never existed")
    if step > newest:
        raise IncompatibleError(
            f"the {what} is of format {step}, and this release reads up to {newest}",
            "Update mlip-hub.",
        )
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
