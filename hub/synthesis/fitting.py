"""Densities, temperatures and times that fit an element or compound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.errors import SynthesisError
from hub.jobs.pool import Lost
from hub.synthesis.survey import survey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.jobs.pool import Pool
    from hub.synthesis.survey import Survey
    from hub.teachers.spec import TeacherSpec

PUBLISHED = "C"  # the defaults of a recipe are those of the published set of carbon
# What carbon has in units of its own: graphite's density, 4,500 K, and 33 fs, in which an atom of
# diamond vibrates. The densest carbon is diamond, 1.5 times as dense as graphite; others are at
# most a little denser than their relaxed cell.
_DENSITY = (0.6, 1.2)
_MELT, _ANNEAL = 2.0, (0.45, 0.9)
_COLD, _COLDEST = 300.0, 0.25  # K, and at most this share of the melting temperature
_STEPS_PER_PERIOD = 33
_LONGEST_STEP = 5.0  # fs
_STAGES = (5.0, 5.0, 50.0, 100.0, 50.0)  # ps with steps of 1 fs
_FRAMES = 210
_DIGITS = 2  # the estimates are no better


def fit_numbers(
    spec: TeacherSpec, formula: str, given: Mapping[str, Any], seed: int, pool: Pool
) -> dict[str, Any]:
    """Return the numbers of a recipe that are not given, from a survey by the teacher.

    Densities are around that of a relaxed cell. Temperatures have the ratios to the melting
    temperature that those of carbon have. There are as many steps and frames as for carbon, and a
    step is the same share of the fastest vibration.

    Parameters
    ----------
    spec, formula, seed
        As for `hub.synthesis.survey.survey`.
    given
        The numbers that the user gave, by the names of `hub.synthesize`.
    pool
        Where the survey runs; no task may be running in it.

    Raises
    ------
    SynthesisError, TeacherError
        As `hub.synthesis.survey.survey` does.
    """
    density = sum(given["density"]) / 2 if "density" in given else None
    pool.submit(None, survey, spec, formula, seed, density)
    _, found = pool.wait()
    if isinstance(found, Lost):
        raise SynthesisError(
            f"the teacher died while {formula} was relaxed: {found.reason}",
            "Is there enough memory for it?",
        )
    return _numbers(found, given)


def _numbers(found: Survey, given: Mapping[str, Any]) -> dict[str, Any]:
    timestep = _rounded(min(found.period / _STEPS_PER_PERIOD, _LONGEST_STEP))
    timestep = given.get("timestep", timestep)
    stages = given.get("stages") or tuple(_rounded(each * timestep) for each in _STAGES)
    return {
        "density": tuple(_rounded(share * found.density) for share in _DENSITY),
        "melt_temperature": _rounded(_MELT * found.melting),
        "cold_temperature": _rounded(min(_COLD, _COLDEST * found.melting)),
        "anneal_temperature": tuple(_rounded(share * found.melting) for share in _ANNEAL),
        "stages": stages,
        "timestep": timestep,
        "frame_interval": sum(stages) / _FRAMES,
        **given,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
