"""The foundation models and teachers that know the elements of some data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.errors import TeacherError
from hub.facts import Facts, facts_of, models_that_know
from hub.history.step import front_matter
from hub.library import catalogue, open_model
from hub.teachers.families import family_of, list_teachers
from hub.teachers.spec import TeacherSpec, parse_teacher
from registry.cards import FILE_NAME, read_text
from registry.errors import InvalidReferenceError, RegistryError
from registry.references import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MODEL = "model:"  # a teacher that is a model of a registry


@dataclass(frozen=True)
class Candidate:
    """A model or teacher that may fit some data.

    Attributes
    ----------
    name
        The model, or the teacher, as given to ``--model`` or ``--teacher``.
    spec
        The teacher that labels structures with it.
    licence, level_of_theory
        As far as they are stated; otherwise empty.
    """

    name: str
    spec: TeacherSpec
    licence: str = ""
    level_of_theory: str = ""

    @property
    def is_model(self) -> bool:
        """Whether it is a model of a registry or a folder, which may be trained further."""
        return self.spec.family.startswith(MODEL)


def candidates_for(elements: Iterable[str]) -> list[Candidate]:
    """Return the models, and the teachers without parameter files, that know all elements.

    Teachers whose programs are not installed are left out, and so are models that cannot be
    trained if their packages are not.
    """
    wanted = set(elements)
    found = [_of_model(name) for name in models_that_know(wanted, trainable=False)]
    for family in list_teachers():
        is_complete = not family.argument and family.parameters == "none"
        if is_complete and family.is_usable and wanted.issubset(family.elements):
            found.append(of_teacher(parse_teacher(family.name)))
    return found


def candidate(
    name: str,
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
) -> Candidate:
    """Return the model or teacher of this name; teachers take precedence.

    Parameters
    ----------
    name
        The model, or the teacher.
    params, arguments, python
        Parameter file, options and interpreter of a teacher.

    Raises
    ------
    TeacherError
        If it is neither a teacher nor a model.
    """
    try:
        return of_teacher(parse_teacher(name, params, arguments, python))
    except TeacherError as problem:
        if params or arguments or python or _is_family(name):
            raise
        try:
            open_model(name)
        except (InvalidReferenceError, RegistryError) as other:
            raise TeacherError(
                f"'{name}' is neither a teacher nor a model: {problem.message}; {other.message}",
                "`hub teachers` and `hub list --kind model` list them.",
            ) from other
        return _of_model(name)


def _is_family(name: str) -> bool:
    return name.partition(":")[0] in {family.name for family in list_teachers()}


def of_teacher(spec: TeacherSpec) -> Candidate:
    """Return a teacher, or the model that it is, with what is stated of it."""
    family, argument = family_of(spec.family)
    if spec.family.startswith(MODEL):
        return _of_model(argument)
    return Candidate(spec.family, spec, family.licence, family.level_of_theory)


def _of_model(name: str) -> Candidate:
    facts = _facts(name)
    spec = TeacherSpec(f"{MODEL}{name}")
    return Candidate(name, spec, facts.licence, facts.level_of_theory)


def _facts(name: str) -> Facts:
    """Return what a model says of itself, without pulling it if it has a name."""
    names = catalogue()
    try:
        return facts_of(names.resolve(Reference.parse(name)))
    except RegistryError:
        card = open_model(name).path / FILE_NAME
        matter = front_matter(read_text(card), str(card)) if card.is_file() else {}
        return Facts(licence=str(matter.get("license", "")))
