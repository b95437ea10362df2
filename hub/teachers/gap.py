"""Gaussian approximation potentials (Bartók et al., PRL 104, 136403, 2010), by quippy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ase.data import chemical_symbols
from quippy.potential import Potential

from hub.errors import TeacherError
from hub.teachers.family import Description

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DESCRIPTOR = re.compile(r"<descriptor>(.*?)</descriptor>", re.DOTALL)
_SPECIES = re.compile(r"\bZ\d*=(\d+)")
_SPARSE_POINTS = re.compile(r'sparseX_filename="([^"]+)"')


def build(parameters: Path, options: Mapping[str, Any]) -> Potential:  # noqa: ARG001 - a Build
    """Return quippy's calculator."""
    return Potential(param_filename=str(parameters))


def describe(parameters: Path, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the elements whose environments are described, and the files with sparse points.

    Raises
    ------
    TeacherError
        If the file is no GAP, or one of the files beside it that it names is missing.
    """
    text = parameters.read_text(encoding="utf-8", errors="replace")
    descriptors = _DESCRIPTOR.findall(text)
    if "<GAP_params" not in text or not descriptors:
        raise TeacherError(f"{parameters} is no GAP", "Give the XML file that gap_fit wrote.")
    beside = [parameters.parent / name for name in _SPARSE_POINTS.findall(text)]
    for path in beside:
        if not path.is_file():
            raise TeacherError(
                f"{parameters} keeps its sparse points in {path.name}, which is not beside it",
                "Copy all files of the potential into one directory.",
            )
    numbers = {int(number) for descriptor in descriptors for number in _SPECIES.findall(descriptor)}
    return Description(
        elements=tuple(chemical_symbols[number] for number in sorted(numbers)),
        files=(parameters, *beside),
    )
