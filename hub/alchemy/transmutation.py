"""What becomes what: pairs of elements, one length scale, one energy scale.

A potential E(x) becomes E'(x') = eps E(x'/s), and with it F' = (eps/s) F and stress' = (eps/s^3)
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
    """Elements become others; lengths and energies are scaled.

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
        If a scale is not a positive number, or a symbol is none.
    """

    pairs: Pairs
    scale: Positive
    energy_scale: Positive = 1.0

    def __post_init__(self) -> None:
        for name, value in (("length", self.scale), ("energy", self.energy_scale)):
            if not (math.isfinite(value) and value > 0):
                raise AlchemyError(
                    f"the {name} scale is {value:g}, and must be a positive number",
                    "From carbon to silicon it is about 1.52 for lengths and 0.25 for energies.",
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
        """Return what each of some elements becomes.

        Raises
        ------
        AlchemyError
            If one would become several, or none is given.
        """
        _require_unique(old for old, _ in self.pairs)
        new = dict(self.pairs)
        unknown = [symbol for symbol in elements if symbol not in new]
        if unknown:
            raise AlchemyError(
                f"no new element is given for {', '.join(unknown)}",
                f"Give one for each element: --element-map {_example(elements)}",
            )
        return {symbol: new[symbol] for symbol in elements}

    @property
    def old_of_new(self) -> dict[str, str]:
        """What each new element is made of.

        Raises
        ------
        AlchemyError
            If one is to be made of several.
        """
        _require_unique(new for _, new in self.pairs)
        return {new: old for old, new in self.pairs}

    def inverse(self) -> Self:
        """Return what undoes it."""
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
    """Scale structures and their labels, and exchange their elements.

    Raises
    ------
    AlchemyError
        If an element becomes nothing, or several.
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
    # A new object, for a set keeps what it once derived from its numbers.
    kept = {item.name: getattr(structures, item.name) for item in fields(structures)}
    return type(structures)(**{**kept, **scaled})


def parse_pairs(text: str, old: Sequence[str]) -> Pairs:
    """Read pairs of elements such as ``C=Si``, old = new.

    Where that is not possible, new = old is tried: ``Si=C,C=C`` makes two elements of carbon.

    Parameters
    ----------
    text
        Comma-separated pairs.
    old
        The elements that there are.

    Raises
    ------
    AlchemyError
        If it is not written so, or names elements that are not there.
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
            f"{', '.join(absent)} cannot be replaced: the elements are {', '.join(old)}",
            f"Write OLD=NEW, such as {_example(old)}.",
        )
    return tuple(dict.fromkeys(pairs))


def pair_elements(old: Sequence[str], new: Sequence[str], text: str = "") -> Pairs:
    """Decide what becomes what: as `text` says, or the only way that there is.

    Raises
    ------
    AlchemyError
        If there are several ways, or the pairs do not give the elements `new`.
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
            f"--element-map {text} gives {', '.join(sorted(made))}, but "
            f"{', '.join(sorted(new))} is needed"
        )
    return pairs


def check_element(symbol: str) -> str:
    """Return `symbol` if it is a chemical element.

    Raises
    ------
    AlchemyError
        If it is none.
    """
    from ase.data import atomic_numbers

    if atomic_numbers.get(symbol, 0) == 0:
        raise AlchemyError(
            f"{symbol!r} is not a chemical element", "Give its symbol, with a capital letter first."
        )
    return symbol


def _require_unique(symbols: Iterable[str]) -> None:
    double = sorted(symbol for symbol, count in Counter(symbols).items() if count > 1)
    if double:
        raise AlchemyError(
            f"{', '.join(double)} stands for more than one element",
            "A type of a model may become several elements, and several elements of a dataset "
            "may become one, but not the other way round.",
        )


def _example(old: Sequence[str]) -> str:
    return ",".join(f"{symbol}=..." for symbol in old)
