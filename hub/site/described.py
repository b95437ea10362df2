"""What a list of versions shows and filters by, read from manifest and card."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hub.facts import facts_of
from hub.history.commands import label_set_of
from hub.history.step import label_sets
from hub.site.measured import Table, headline, number, tables
from hub.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.site.gathering import Item

_SYMBOL = re.compile("[A-Z][a-z]?")
_SHORT = re.compile(r"[^,;(]*")
_LONGEST_THEORY = 40


@dataclass(frozen=True)
class Described:
    """One version, as lists and pages describe it.

    Attributes
    ----------
    item
        The version itself.
    elements, architecture, licence
        As in `hub.facts.Facts`; `elements` are chemical symbols only.
    theories
        Levels of theory of its labels, as stated.
    structures, atoms
        Of a dataset, how many; of a model, the structures that it was trained on.
    parameters
        Number of weights of a model.
    cutoff
        In Å.
    errors
        Its measured errors.
    speed
        Microseconds per atom and step of molecular dynamics, as its card states.
    """

    item: Item
    elements: tuple[str, ...] = ()
    architecture: str = ""
    licence: str = ""
    licence_note: str = ""
    citation: str = ""
    theories: tuple[str, ...] = ()
    structures: float | None = None
    atoms: float | None = None
    parameters: float | None = None
    cutoff: float | None = None
    errors: tuple[Table, ...] = ()
    speed: float | None = None
    speed_on: str = ""

    def row(self) -> dict[str, Any]:
        """Return its row in the list, as JSON; the keys are short because there are many."""
        item, best = self.item, headline(self.errors)
        return {
            "r": item.registry,
            "n": item.name,
            "v": item.version,
            "k": item.kind,
            "d": one_line(item.description),
            "p": item.path,
            "s": item.size,
            "new": int(item.is_newest),
            "e": list(self.elements),
            "a": self.architecture,
            "l": self.licence,
            "t": [short_theory(each) for each in self.theories],
            "c": self.structures,
            "w": self.parameters,
            "fe": best.force_rmse if best else None,
            "ee": best.energy_rmse if best else None,
            "us": self.speed,
            "bad": int(bool(item.faults)),
        }


def describe(item: Item) -> Described:
    """Return what a version says of itself; values that cannot be understood are left out."""
    if item.found is None:
        return Described(item)
    facts, card = facts_of(item.found), item.front_matter
    model = _mapping(card, "model")
    dataset, training = _mapping(item.metadata, "dataset"), _mapping(card, "training")
    is_model = item.kind == "model"
    data = _mapping(training, "data") if training else _mapping(card, "pretraining")
    structures = data.get("n_train", data.get("n_structures")) if is_model else None
    parameters = _mapping(model, "parameters")
    return Described(
        item,
        tuple(symbol for symbol in facts.elements if _SYMBOL.fullmatch(symbol)),
        facts.architecture,
        facts.licence,
        _text(card, "license_note"),
        _text(card, "citation"),
        theories=_model_theories(card) if is_model else _dataset_theories(item),
        structures=number(structures if is_model else dataset.get("structures")),
        atoms=number(dataset.get("atoms")),
        parameters=number(parameters.get("converted") if parameters else model.get("parameters")),
        cutoff=number(model.get("cutoff")),
        errors=tables(card) if is_model else (),
        speed=number(_mapping(card, "speed").get("us_per_atom_and_step")),
        speed_on=_text(_mapping(card, "speed"), "device"),
    )


def of_data(described: Described, data: Iterable[Item]) -> Described:
    """Return a model with the level of theory of the label set that it was trained on.

    Parameters
    ----------
    described
        A model, whose card may not say.
    data
        The datasets that it was trained on.
    """
    training = _mapping(described.item.front_matter, "training")
    labels = label_set_of(_mapping(training, "data"))
    if described.theories or not labels:
        return described
    stated = [label_sets(each.metadata, each.front_matter).get(labels, {}) for each in data]
    found = tuple(_text(each, "level_of_theory") for each in stated)
    return replace(described, theories=tuple(filter(None, found)))


def short_theory(text: str) -> str:
    """Return the part of a level of theory that names it, such as ``PBE``."""
    found = _SHORT.match(text)
    short = (found[0] if found else "").strip() or text.strip()
    return short if len(short) <= _LONGEST_THEORY else f"{short[: _LONGEST_THEORY - 1]}…"


def _model_theories(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the level of theory of the labels that a model was trained on."""
    labels = _mapping(_mapping(_mapping(card, "training"), "data"), "labels")
    stated = labels.get("level_of_theory") or labels.get("teacher")
    if not stated:
        teacher = _mapping(card, "teacher")
        name, kind = _text(teacher, "name"), _text(teacher, "kind")
        stated = kind if name == "DFT" and kind else name
    return (str(stated),) if stated else ()


def _dataset_theories(item: Item) -> tuple[str, ...]:
    stated = [
        str(about.get("level_of_theory") or about.get("teacher") or "")
        for about in label_sets(item.metadata, item.front_matter).values()
    ]
    return tuple(dict.fromkeys(filter(None, stated)))


def _mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _text(content: Mapping[str, Any], key: str) -> str:
    found = content.get(key)
    return str(found).strip() if isinstance(found, str | int | float) else ""
