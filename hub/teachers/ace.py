"""Atomic cluster expansions (R. Drautz, Phys. Rev. B 99, 014104, 2019), by pyace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ase.data import atomic_numbers
from pyace import PyACECalculator

from hub.errors import TeacherError
from hub.teachers.family import Description
from hub.teachers.periodicity import RepeatedEverywhere

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Many megabytes of YAML: search for the lines with the elements instead of parsing it.
_ELEMENTS = {
    ".yace": re.compile(r"^elements: *\[(.*)\]", re.MULTILINE),
    ".yaml": re.compile(r"^ *- *speciesblock: *(.*)$", re.MULTILINE),
}


class AceCalculator(RepeatedEverywhere, PyACECalculator):  # type: ignore[misc]
    """PyACECalculator, which refuses structures that are periodic in some directions only."""


def build(parameters: Path, options: Mapping[str, Any]) -> AceCalculator:  # noqa: ARG001 - a Build
    """Return pyace's calculator."""
    return AceCalculator(str(parameters))


def describe(parameters: Path, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the elements named in the file.

    Raises
    ------
    TeacherError
        If the file is not an ACE potential.
    """
    pattern = _ELEMENTS.get(parameters.suffix)
    text = parameters.read_text(encoding="utf-8", errors="replace") if pattern else ""
    words = re.split(r"[\s,]+", " ".join(pattern.findall(text))) if pattern else []
    symbols = sorted(set(words) & {*atomic_numbers})
    if not symbols:
        raise TeacherError(
            f"{parameters} is not an ACE potential with element names",
            "Give a .yace or .yaml file written by pacemaker or pyace.",
        )
    return Description(elements=tuple(symbols), files=(parameters,))
