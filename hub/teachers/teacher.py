"""A loaded teacher: labels and their provenance."""

from __future__ import annotations

import hashlib
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hub.errors import DataError, TeacherError
from hub.structures.checks.geometry import require_geometry
from hub.teachers.families import family_of
from hub.teachers.family import Description
from hub.teachers.spec import TeacherSpec, parse_teacher
from registry.errors import RegistryError
from registry.files import sha256_of
from registry.plugins import load_target

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from hub.structures.arrays import FloatArray
    from hub.teachers.family import Family

# An atom in a cell this wide (Å) is isolated: no potential reaches its images.
LONELY_CELL = 20.0

_UNSUITABLE = "Do the parameter file and options belong to this teacher?"


class Label(NamedTuple):
    """Labels of a teacher for a structure of n atoms.

    Attributes
    ----------
    energy
        In eV, as given by the potential. The forces are its negative gradient: for electrons at a
        finite temperature, it is the free energy.
    forces
        (n, 3) in eV/Å.
    stress
        (3, 3) in eV/Å^3, symmetric, positive under tension as in ASE. NaN if the structure is not
        periodic in all three directions, or the teacher gives none.
    """

    energy: float
    forces: FloatArray
    stress: FloatArray


class Teacher:
    """Labels structures; made by `open_teacher`.

    It belongs to the thread that opened it: calculators of foreign code silently give wrong numbers
    if shared between threads.

    Attributes
    ----------
    spec
        Its specification.
    family
        Its family.
    elements
        Chemical symbols that it covers; None if unknown.
    """

    def __init__(self, spec: TeacherSpec, family: Family, description: Description) -> None:
        self.spec = spec
        self.family = family
        self.elements = frozenset(description.elements) or None
        self._description = description
        self._thread = threading.get_ident()
        self._calculator = self._build()

    def calculator(self) -> Calculator:
        """Return the ASE calculator: one for this teacher, never shared between threads.

        Raises
        ------
        TeacherError
            If called from another thread than the one that opened the teacher.
        """
        if threading.get_ident() != self._thread:
            raise TeacherError(
                f"teacher {self.spec.family} was opened by another thread, "
                "and would silently give wrong numbers",
                "Open a separate teacher in each process.",
            )
        return self._calculator

    @property
    def gives_stress(self) -> bool:
        """Whether its calculator computes stresses."""
        return "stress" in self._calculator.implemented_properties

    def label(self, atoms: Atoms) -> Label:
        """Return energy, forces and stress of a structure.

        Raises
        ------
        TeacherError
            If the calculation fails, or a label is not finite.
        """
        calculator = self.calculator()
        self._check(atoms)
        copy = atoms.copy()
        copy.calc = calculator
        consistent = "free_energy" in calculator.implemented_properties
        try:
            # Stress first: some programs otherwise repeat the calculation for it.
            stress = self._stress(copy)
            energy = float(copy.get_potential_energy(force_consistent=consistent))
            forces = np.array(copy.get_forces(apply_constraint=False), dtype=np.float64)
        except Exception as problem:  # foreign code raises anything
            # A calculator that failed may be in an invalid state.
            self._calculator = self._build()
            raise TeacherError(
                f"teacher {self.spec.family} failed on {_named(atoms)}: {_reason(problem)}"
            ) from problem
        if not (np.isfinite(energy) and np.isfinite(forces).all() and not np.isinf(stress).any()):
            self._calculator = self._build()
            raise TeacherError(
                f"teacher {self.spec.family} gave labels for {_named(atoms)} that are not finite",
                "Are atoms on top of each other?",
            )
        return Label(energy, forces, stress)

    def isolated_atom_energy(self, symbol: str) -> float:
        """Return the energy in eV of an isolated atom, in a cell of `LONELY_CELL`.

        Raises
        ------
        TeacherError
            If the teacher cannot compute it.
        """
        from ase import Atoms

        atom = Atoms(symbol, cell=[LONELY_CELL] * 3)
        atom.center()
        return self.label(atom).energy

    def provenance(self) -> dict[str, Any]:
        """Return everything that determines the labels.

        Returns
        -------
        ``teacher``, ``parameters_digest``, ``versions``, ``level_of_theory`` and ``source``, as
        for `hub.datasets.layout.LabelSet`.
        """
        described, files = self._description, self._description.files
        source = " ".join(path.name for path in files)
        options = " ".join(f"{name}={value}" for name, value in sorted(self.spec.options.items()))
        return {
            "teacher": described.name or self.spec.family,
            "parameters_digest": self._description.digest or _digest(files),
            "versions": {
                **{name: _version(name) for name in ("ase", *self.family.packages)},
                **self._description.versions,
            },
            "level_of_theory": described.level_of_theory
            or self.family.level_of_theory
            or self.spec.family.rpartition(":")[2],
            "source": "; ".join(part for part in (source, options) if part),
        }

    def _build(self) -> Calculator:
        calculator: Calculator = _call(self.family.build, self.spec)
        return calculator

    def _stress(self, atoms: Atoms) -> FloatArray:
        """Return the (3, 3) stress of a structure with a calculator; NaN if it has none."""
        absent: FloatArray = np.full((3, 3), np.nan)
        if not (self.gives_stress and atoms.pbc.all()):
            return absent
        try:
            stress = np.asarray(atoms.get_stress(voigt=False, apply_constraint=False), np.float64)
        except NotImplementedError:  # some programs compute it only in certain modes
            return absent
        return stress

    def _check(self, atoms: Atoms) -> None:
        """Refuse structures for which programs give wrong labels or hang."""
        if not len(atoms):
            raise TeacherError("a structure without atoms cannot be labelled")
        try:
            require_geometry(atoms)
        except DataError as problem:
            raise TeacherError(problem.message, problem.hint) from problem
        unknown = set(atoms.get_chemical_symbols()) - (self.elements or set())
        if self.elements is not None and unknown:
            raise TeacherError(
                f"{_named(atoms)} contains {', '.join(sorted(unknown))}, but teacher "
                f"{self.spec.family} covers only {', '.join(sorted(self.elements))}"
            )


def open_teacher(spec: TeacherSpec) -> Teacher:
    """Load a teacher.

    Raises
    ------
    TeacherError
        If the teacher is unknown, its program is not installed (the hint gives the command), or
        its parameter file is missing or invalid.
    """
    family, _ = family_of(spec.family)
    parse_teacher(spec.family, spec.parameters, spec.options)
    if missing := family.missing():
        raise TeacherError(
            f"teacher {family.name} requires {' and '.join(missing)}, which is not installed",
            f"Run: {family.install}",
        )
    description = Description(family.elements)
    if family.describe:
        description = _call(family.describe, spec)
    teacher = Teacher(spec, family, description)
    if description.elements:
        # Many programs read their parameters when they first compute.
        try:
            teacher.isolated_atom_energy(description.elements[0])
        except TeacherError as problem:
            raise TeacherError(problem.message, _UNSUITABLE) from problem
    return teacher


def options_of(spec: TeacherSpec) -> dict[str, Any]:
    """Return all options of a specification: those of the family, its argument, and its own."""
    family, argument = family_of(spec.family)
    named = {family.argument: argument} if family.argument else {}
    return {**spec.options, **family.fixed, **named}


def _call(home: str, spec: TeacherSpec) -> Any:
    """Call a `Build` or `Describe`, given as ``module:function``."""
    parameters = Path(spec.parameters) if spec.parameters else None
    try:
        return load_target(home)(parameters, options_of(spec))
    except RegistryError:
        raise
    except Exception as problem:  # foreign code raises anything
        raise TeacherError(
            f"teacher {spec.family} cannot be loaded: {_reason(problem)}",
            _UNSUITABLE,
        ) from problem


def _digest(files: tuple[Path, ...]) -> str:
    """Return the sha256 of a file; for several files, that of the output of ``sha256sum``."""
    digests = [sha256_of(path) for path in files]
    if len(digests) < 2:
        return "".join(digests)
    lines = [f"{digest}  {path.name}\n" for digest, path in zip(digests, files, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"  # Run from a source tree.


def _named(atoms: Atoms) -> str:
    return f"the structure {atoms.get_chemical_formula()}"


def _reason(problem: Exception) -> str:
    return str(problem).strip() or type(problem).__name__
