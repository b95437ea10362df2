"""Neuroevolution potentials (Z. Fan et al., Phys. Rev. B 104, 104309, 2021), by calorine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ase.data import atomic_numbers
from calorine.calculators import CPUNEP

from hub.errors import TeacherError
from hub.teachers.family import Description
from hub.teachers.periodicity import RepeatedEverywhere

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class NepCalculator(RepeatedEverywhere, CPUNEP):  # type: ignore[misc]
    """CPUNEP, which treats every direction as periodic."""


def build(parameters: Path, options: Mapping[str, Any]) -> NepCalculator:  # noqa: ARG001 - a Build
    """Return the calculator of a ``nep.txt``."""
    return NepCalculator(str(parameters))


def describe(parameters: Path, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the elements in the first line of the file: ``nep4 2 C Si``.

    Raises
    ------
    TeacherError
        If the first line has another form.
    """
    with parameters.open(encoding="utf-8", errors="replace") as file:
        kind, *rest = [*file.readline(1000).split(), ""]
    symbols = tuple(rest[1:-1])
    if (
        not kind.startswith("nep")
        or rest[0] != str(len(symbols))
        or set(symbols) - {*atomic_numbers}
    ):
        raise TeacherError(
            f"{parameters} is not a NEP: its first line does not give a version and elements",
            "Give the nep.txt written by GPUMD.",
        )
    return Description(elements=symbols, files=(parameters,))
