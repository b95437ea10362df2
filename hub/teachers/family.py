"""What is known of a teacher before it is loaded: light enough for a list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

ANY_OPTION = "*"

# Makes an ASE calculator of a parameter file (or none) and options (JSON values).
Build = Callable[[Path | None, Mapping[str, Any]], "Calculator"]


@dataclass(frozen=True)
class Description:
    """What a specification says about the teacher that it makes, without loading it.

    Attributes
    ----------
    elements
        Chemical symbols that it covers; empty if it is not known before it tries.
    files
        The parameter files, in an order that does not change.
    digest
        Of the parameters, where it is not the files' sha256.
    versions
        Of what it is made of, besides the family's Python packages.
    """

    elements: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


# Tells what a parameter file (or none) and options amount to.
Describe = Callable[[Path | None, Mapping[str, Any]], Description]


@dataclass(frozen=True)
class Family:
    """A kind of teacher.

    Attributes
    ----------
    name
        What people type after ``--teacher``.
    summary
        One line for people.
    build
        ``module:function`` of a :data:`Build`, imported when a teacher of the family is opened.
    describe
        ``module:function`` of a :data:`Describe`; empty if `elements` and the parameter file say
        all.
    elements
        Chemical symbols that it covers; empty if the parameters decide.
    argument
        The option that is written into the name: ``model`` if people type ``name:MODEL``.
    parameters
        ``none`` or ``required``: whether ``--params FILE`` is needed.
    options
        What the options mean, by name; ``*`` stands for any other.
    fixed
        Options that make the family what it is.
    modules
        Python modules that must be importable.
    install
        The exact command that makes it usable.
    packages
        Distributions whose versions decide what it computes.
    level_of_theory
        What the labels are called; the name if empty.
    licence
        Of program and parameters, as SPDX names or in words.
    citation
        A DOI or a short reference.
    warning
        What people should know before they use it.
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
    packages: tuple[str, ...] = ()
    level_of_theory: str = ""
    licence: str = ""
    citation: str = ""
    warning: str = ""

    @property
    def usage(self) -> str:
        """What people type after ``--teacher``, with the place of the argument."""
        return f"{self.name}:{self.argument.upper()}" if self.argument else self.name

    @property
    def is_usable(self) -> bool:
        """Whether everything that it needs is installed."""
        return not self.missing()

    def missing(self) -> list[str]:
        """Return the modules that are not installed; none is imported to find out."""
        return [module for module in self.modules if find_spec(module) is None]
