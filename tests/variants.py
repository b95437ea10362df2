"""Parameters of tests that quick runs try only in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def few_fast(values: Iterable[Any], count: int) -> list[Any]:
    """Return the parameters of a test, of which all but the first `count` are slow."""
    first, others = list(values)[:count], list(values)[count:]
    return [*first, *(pytest.param(value, marks=pytest.mark.slow) for value in others)]
