"""Portable models of the Open Knowledgebase of Interatomic Models (openkim.org), by kimpy."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

import kimpy
from ase.calculators.kim.exceptions import KIMModelNotFound
from ase.calculators.kim.kim import get_model_supported_species
from ase.calculators.kim.kimmodel import KIMModelCalculator

from hub.errors import TeacherError
from hub.teachers.family import Description
from hub.teachers.periodicity import RepeatedEverywhere

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class _Verbosity(ctypes.Structure):
    _fields_ = (("value", ctypes.c_int),)


class KimCalculator(RepeatedEverywhere, KIMModelCalculator):  # type: ignore[misc]
    """KIMModelCalculator, which fails on slabs whose third cell vector is zero."""


def build(parameters: Path | None, options: Mapping[str, Any]) -> KimCalculator:  # noqa: ARG001
    """Return ASE's calculator for the model."""
    _silence()
    return KimCalculator(options["model"])


def describe(parameters: Path | None, options: Mapping[str, Any]) -> Description:  # noqa: ARG001
    """Return the elements that the model supports.

    Raises
    ------
    TeacherError
        If the model is not installed, or not portable.
    """
    model = options["model"]
    _silence()
    if "__SM_" in model:
        raise TeacherError(
            f"{model} is a simulator model, which requires LAMMPS built with KIM",
            "Its pair style may be available as a teacher: see `lammps` in `hub teachers`.",
        )
    try:
        elements = get_model_supported_species(model)
    except KIMModelNotFound as problem:
        raise TeacherError(
            f"the KIM model {model} is not installed",
            f"Run: kim-api-collections-management install user {model}",
        ) from problem
    return Description(elements=tuple(elements))


@cache
def _silence() -> None:
    """Keep the KIM API from writing ``kim.log`` into the working directory.

    kimpy does not expose this setting, so the C function is called.
    """
    library = ctypes.CDLL(kimpy.log.__file__)  # has the symbols of the KIM API it is linked to
    push = library.KIM_Log_PushDefaultVerbosity
    push.argtypes, push.restype = [_Verbosity], None
    push(_Verbosity.in_dll(library, "KIM_LOG_VERBOSITY_silent"))
