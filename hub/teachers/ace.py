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

# Files of many megabytes of YAML: what matters is on a line of its own.
_ELEMENTS = {
    ".yace": re.compile(r"^elements: *\[(.*)\]", re.MULTILINE),
    ".yaml": re.compile(r"^ *- *speciesblock: *(.*)$", re.MULTILINE),
}


class AceCalculator(RepeatedEverywhere, PyACECalculator):  # type: ignore[misc]
    """PyACECalculator, which refuses structures that repeat in some directions only."""


def build(parameters: Path, options: Mapping[str, Any]) -> AceCalculator:  # noqa: ARG001 - a Build
    """Return pyace's calculator."""
    return AceCalculator(str(parameters))


def describe(parameters: Path, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the elements that the file names.

    Raises
    ------
    TeacherError
        If the file is no ACE.
    """
    pattern = _ELEMENTS.get(parameters.suffix)
    text = parameters.read_text(encoding="utf-8", errors="replace") if pattern else ""
    words = re.split(r"[\s,]+", " ".join(pattern.findall(text))) if pattern else []
    symbols = sorted(set(words) & {*atomic_numbers})
    if not symbols:
        raise TeacherError(
            f"{parameters} is no ACE potential that names its elements",
            "Give a .yace or .yaml file that pacemaker or pyace wrote.",
        )
    return Description(elements=tuple(symbols), files=(parameters,))
