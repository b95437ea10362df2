"""Transmutations: pairs of elements, one length scale, one energy scale.

A potential E(x) becomes E'(x') = eps E(x'/s), so that F' = (eps/s) F and stress' = (eps/s^3)
stress: the same function in other units of length and energy.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub.errors import AlchemyError
from hub.schemas import Element, Positive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.structures.structure_set import StructureSet

Pairs = tuple[tuple[Element, Element], ...]


@dataclass(frozen=True)
class Transmutation:
    """A replacement of elements with scaled lengths and energies.

    Attributes
    ----------
    pairs
        (old, new) chemical symbols.
    scale
        s: new length / old length.
    energy_scale
        eps: new energy / old energy.

    Raises
    ------
    AlchemyError
        If a scale is not a positive number, or a symbol is not an element.
    """

    pairs: Pairs
    scale: Positive
    energy_scale: Positive = 1.0

    def __post_init__(self) -> None:
        for name, value in (("length", self.scale), ("energy", self.energy_scale)):
            if not (math.isfinite(value) and value > 0):
                raise AlchemyError(
                    f"the {name} scale must be a positive number, got {value:g}",
                    "Example: from carbon to silicon it is about 1.52 for lengths and 0.25 for "
                    "energies.",
                )
        for symbol in {symbol for pair in self.pairs for symbol in pair}:
            check_element(symbol)

    @property
    def force_scale(self) -> float:
        """New force / old force, eps / s."""
        return self.energy_scale / self.scale

    @property
    def stress_scale(self) -> float:
        """New stress / old stress, eps / s^3."""
        return self.energy_scale / self.scale**3

    def new_of(self, elements: Sequence[str]) -> dict[str, str]:
        """Return the new element of each of some elements.

        Raises
        ------
        AlchemyError
            If an element has several new elements, or none.
        """
        _require_unique(old for old, _ in self.pairs)
        new = dict(self.pairs)
        unknown = [symbol for symbol in elements if symbol not in new]
        if unknown:
            raise AlchemyError(
                f"no new element given for {', '.join(unknown)}",
                f"Give the new element of each: --element-map {_example(elements)}",
            )
        return {symbol: new[symbol] for symbol in elements}

    @property
    def old_of_new(self) -> dict[str, str]:
        """The old element of each new one.

        Raises
        ------
        AlchemyError
            If a new element has several old ones.
        """
        _require_unique(new for _, new in self.pairs)
        return {new: old for old, new in self.pairs}

    def inverse(self) -> Self:
        """Return the inverse transmutation."""
        pairs = tuple((new, old) for old, new in self.pairs)
        return replace(self, pairs=pairs, scale=1 / self.scale, energy_scale=1 / self.energy_scale)

    def __str__(self) -> str:
        pairs = ", ".join(f"{old} as {new}" for old, new in self.pairs)
        return f"{pairs}, lengths x {self.scale:.4g}, energies x {self.energy_scale:.4g}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        pairs = [list(pair) for pair in self.pairs]
        return {"pairs": pairs, "scale": self.scale, "energy_scale": self.energy_scale}


def transmute_structures(structures: StructureSet, transmutation: Transmutation) -> StructureSet:
    """Scale structures and their labels, and replace their elements.

    Raises
    ------
    AlchemyError
        If an element has no new element, or several.
    """
    from ase.data import atomic_numbers

    table = np.arange(max(atomic_numbers.values()) + 1)
    for old, new in transmutation.new_of(structures.elements).items():
        table[atomic_numbers[old]] = atomic_numbers[new]
    scaled = {
        "numbers": table[structures.numbers],
        "positions": structures.positions * transmutation.scale,
        "cells": structures.cells * transmutation.scale,
        "energies": structures.energies * transmutation.energy_scale,
        "forces": structures.forces * transmutation.force_scale,
        "stresses": structures.stresses * transmutation.stress_scale,
    }
    # A new object, since a set caches properties derived from its numbers.
    kept = {item.name: getattr(structures, item.name) for item in fields(structures)}
    return type(structures)(**{**kept, **scaled})


def parse_pairs(text: str, old: Sequence[str]) -> Pairs:
    """Parse pairs of elements such as ``C=Si``, old = new.

    If this is not possible, new = old is tried: ``Si=C,C=C`` replaces carbon by two elements.

    Parameters
    ----------
    text
        Comma-separated pairs.
    old
        The existing elements.

    Raises
    ------
    AlchemyError
        If the text cannot be parsed, or names elements that do not occur.
    """
    pairs = []
    for part in text.split(","):
        left, equals, right = (word.strip() for word in part.partition("="))
        if not (left and equals and right):
            raise AlchemyError(
                f"{part.strip()!r} is not a pair of elements",
                f"Write OLD=NEW, separated by commas: {_example(old)}",
            )
        pairs.append((check_element(left), check_element(right)))
    swapped = [(right, left) for left, right in pairs]
    if any(left not in old for left, _ in pairs) and all(left in old for left, _ in swapped):
        pairs = swapped
    absent = [left for left, _ in pairs if left not in old]
    if absent:
        raise AlchemyError(
            f"cannot replace {', '.join(absent)}: the elements are {', '.join(old)}",
            f"Write OLD=NEW, e.g. {_example(old)}.",
        )
    return tuple(dict.fromkeys(pairs))


def pair_elements(old: Sequence[str], new: Sequence[str], text: str = "") -> Pairs:
    """Return the mapping given by `text`, or the only possible one.

    Raises
    ------
    AlchemyError
        If the mapping is ambiguous, or does not give the elements `new`.
    """
    if not text:
        if len(old) == len(new) == 1:
            return ((old[0], check_element(new[0])),)
        raise AlchemyError(
            f"the mapping of {', '.join(old)} to {', '.join(new)} is ambiguous",
            f"Give the mapping: --element-map {_example(old)}",
        )
    pairs = parse_pairs(text, old)
    made = {symbol for _, symbol in pairs}
    if new and made != set(new):
        raise AlchemyError(
            f"--element-map {text} gives {', '.join(sorted(made))}, expected "
            f"{', '.join(sorted(new))}"
        )
    return pairs


def check_element(symbol: str) -> str:
    """Return `symbol` if it is a chemical element.

    Raises
    ------
    AlchemyError
        If it is not.
    """
    from ase.data import atomic_numbers

    if atomic_numbers.get(symbol, 0) == 0:
        raise AlchemyError(
            f"{symbol!r} is not a chemical element",
            "Give its symbol, starting with a capital letter.",
        )
    return symbol


def _require_unique(symbols: Iterable[str]) -> None:
    double = sorted(symbol for symbol, count in Counter(symbols).items() if count > 1)
    if double:
        raise AlchemyError(
            f"{', '.join(double)} is mapped to more than one element",
            "A type of a model may become several elements, and several elements of a dataset "
            "may become one, but not vice versa.",
        )


def _example(old: Sequence[str]) -> str:
    return ",".join(f"{symbol}=..." for symbol in old)
