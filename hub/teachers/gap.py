"""Gaussian approximation potentials (Bartók et al., PRL 104, 136403, 2010), by quippy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from ase.data import chemical_symbols
from quippy.potential import Potential

from hub.errors import TeacherError
from hub.teachers.family import Description

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HINT = "Give the XML file written by gap_fit."
_SPECIES = re.compile(r"\bZ\d*=(\d+)")


def build(parameters: Path, options: Mapping[str, Any]) -> Potential:  # noqa: ARG001 - a Build
    """Return quippy's calculator."""
    return Potential(param_filename=str(parameters))


def describe(parameters: Path, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the elements with descriptors, and the files with sparse points.

    Raises
    ------
    TeacherError
        If the file is not a GAP, or one of its files with sparse points is missing.
    """
    descriptors, sparse_points = _read(parameters)
    if not descriptors:
        raise TeacherError(f"{parameters} is not a GAP: it has no descriptors", _HINT)
    beside = [parameters.parent / name for name in sparse_points]
    for path in beside:
        if not path.is_file():
            raise TeacherError(
                f"{parameters} needs the file {path.name} with its sparse points: not found",
                "Copy all files of the potential to one directory.",
            )
    numbers = {int(number) for descriptor in descriptors for number in _SPECIES.findall(descriptor)}
    return Description(
        elements=tuple(chemical_symbols[number] for number in sorted(numbers)),
        files=(parameters, *beside),
    )


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Return the descriptors and the names of the files with sparse points.

    QUIP's own parser ends the process at the first error, with exit code 0.
    """
    descriptors: list[str] = []
    sparse_points: list[str] = []
    inside = False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        inside = element == "descriptor"
        if inside:
            descriptors.append("")
        if "sparseX_filename" in attributes:
            sparse_points.append(attributes["sparseX_filename"])

    def end(_element: str) -> None:
        nonlocal inside
        inside = False

    def text(data: str) -> None:
        if inside:
            descriptors[-1] += data

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as problem:
        raise TeacherError(f"{path} is not a GAP: {problem}", _HINT) from problem
    return descriptors, sparse_points
