"""Descriptions of teachers before they are loaded, light enough for listing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

ANY_OPTION = "*"

# Makes an ASE calculator from a parameter file (or none) and options (JSON values).
Build = Callable[[Path | None, Mapping[str, Any]], "Calculator"]


@dataclass(frozen=True)
class Description:
    """Properties of a teacher that are known from its specification, without loading it.

    Attributes
    ----------
    elements
        Chemical symbols that it covers; empty if unknown.
    files
        The parameter files, in a fixed order.
    digest
        Digest of the parameters, if it is not the sha256 of the files.
    versions
        Versions of its components besides the family's Python packages.
    name
        What label sets call it; as the user does if empty.
    level_of_theory
        Level of theory of the labels; the family's if empty.
    """

    elements: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    level_of_theory: str = ""


# Describes the teacher given by a parameter file (or none) and options.
Describe = Callable[[Path | None, Mapping[str, Any]], Description]


@dataclass(frozen=True)
class Family:
    """A kind of teacher.

    Attributes
    ----------
    name
        Name to give after ``--teacher``.
    summary
        One-line description.
    build
        ``module:function`` of a :data:`Build`, imported when a teacher of the family is opened.
    describe
        ``module:function`` of a :data:`Describe`; empty if `elements` and the parameter file are
        sufficient.
    elements
        Chemical symbols that it covers; empty if this depends on the parameters.
    argument
        The option that is part of the name: ``model`` for ``name:MODEL``.
    parameters
        ``none`` or ``required``: whether ``--params FILE`` is needed.
    options
        Descriptions of the options by name; ``*`` stands for any other.
    fixed
        Options fixed by the family.
    modules
        Required Python modules.
    install
        Exact command to install it.
    requirements
        Pinned requirements of an environment of its own, for teachers that cannot be installed in
        this one.
    packages
        Distributions whose versions may change the labels.
    level_of_theory
        Level of theory of the labels; the name if empty.
    licence
        Licence of program and parameters, as SPDX names or in words.
    citation
        A DOI or a short reference.
    warning
        Warning to users.
    """

    name: str
    summary: str
    build: str
    describe: str = ""
    elements: tuple[str, ...] = ()
    argument: str = ""
    parameters: str = "none"
    options: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    install: str = ""
    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    level_of_theory: str = ""
    licence: str = ""
    citation: str = ""
    warning: str = ""

    @property
    def usage(self) -> str:
        """The form of the name after ``--teacher``, including the argument."""
        return f"{self.name}:{self.argument.upper()}" if self.argument else self.name

    @property
    def is_usable(self) -> bool:
        """Whether all requirements are installed, here or in an environment of its own."""
        from hub.teachers.environments import installed

        return not self.missing() or bool(self.requirements and installed(self))

    def missing(self) -> list[str]:
        """Return the modules that are not installed, without importing any."""
        return [module for module in self.modules if find_spec(module) is None]
