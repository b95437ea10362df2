"""Ordinary frames of extended XYZ, read as `ase.io.extxyz` reads them but several times faster.

A frame is ordinary if its header is a row of ``key=value`` or ``key="value"`` in the usual spelling
and its columns are elements and numbers. All others are left to ASE, with its error messages.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

_PAIR = re.compile(
    r"""([A-Za-z_][\w.-]*)=(?:"([^"'\\{}\[\]]*)"|([^\s"'\\{}\[\],=]+))(?:\s+|\Z)""", re.ASCII
)
_INTEGERS = re.compile(r"[-+]?[0-9]{1,18}(?:[\s,]+[-+]?[0-9]{1,18})*")
_REAL = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?"
_REALS = re.compile(rf"{_REAL}(?:[\s,]+{_REAL})*")
_WORDS = re.compile(r"[A-Za-z][\w .:/+-]*", re.ASCII)
_PBC = re.compile(r"([TF]) ([TF]) ([TF])")
_DEFAULT_COLUMNS = "species:S:1:pos:R:3"
_REQUIRED = {"species": {("S", 1)}, "pos": {("R", 3)}}
_TENSORS = {"Lattice", "stress", "virial"}  # nine numbers, of which ASE makes a matrix
_VOIGT = [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]
_STRUCTURAL = {"Lattice", "pbc", "Properties"}
# Other spellings of these, and entries that ASE treats in a special way.
_SPECIAL = {
    *("lattice", "cell", "unit_cell", "unitcell", "pbc", "periodic", "periodicity", "properties"),
    *("uid", "z", "charge", "initial_charges", "move_mask", "symbols", "numbers", "positions"),
}
# The results of a calculation that are read here.
_OF_STRUCTURE, _OF_ATOMS = {"energy", "free_energy", "stress"}, {"forces"}


class _NotOrdinaryError(Exception):
    """The frame is left to ASE."""


class _Column(NamedTuple):
    """A quantity and its columns."""

    name: str
    convert: type
    first: int
    width: int


def read_ordinary(comment: str, lines: Sequence[str]) -> Atoms | None:
    """Return the structure of a frame, or None if it is not ordinary.

    Parameters
    ----------
    comment
        The header line.
    lines
        The line of each atom.
    """
    try:
        info = _entries(comment)
        columns = _columns(info.pop("Properties", _DEFAULT_COLUMNS))
        rows = [line.split() for line in lines]
        if not rows or {len(row) for row in rows} != {columns[-1].first + columns[-1].width}:
            return None
        return _structure(info, {column.name: _values(rows, column) for column in columns})
    except (_NotOrdinaryError, ValueError, OverflowError):
        return None


def _structure(info: dict[str, Any], arrays: dict[str, Any]) -> Atoms:
    """Make a structure; the results among its entries go to a calculator, as in ASE."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    cell = info.pop("Lattice", None)
    atoms = Atoms(
        numbers=arrays.pop("species"),
        positions=arrays.pop("pos"),
        cell=cell,
        pbc=info.pop("pbc", cell is not None),
        info=info,
    )
    results = {name: arrays.pop(name) for name in _OF_ATOMS & arrays.keys()}
    for name, values in arrays.items():
        atoms.new_array(name, values)
    results |= {name: atoms.info.pop(name) for name in info if name in _OF_STRUCTURE}
    if "stress" in results:
        results["stress"] = results["stress"][_VOIGT]
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def _entries(comment: str) -> dict[str, Any]:
    """Return the entries of a header line, with values as ASE parses them."""
    comment = comment.strip()
    entries: dict[str, Any] = {}
    end = 0
    while end < len(comment):
        pair = _PAIR.match(comment, end)
        if pair is None or pair[1] in entries:
            raise _NotOrdinaryError
        key, quoted, bare = pair.groups()
        entries[key] = _entry(key, bare if quoted is None else quoted)
        end = pair.end()
    return entries


def _entry(key: str, text: str) -> Any:
    if key == "Properties":
        return text
    if key == "pbc":
        flags = _PBC.fullmatch(text)
        if flags is None:
            raise _NotOrdinaryError
        return [flag == "T" for flag in flags.groups()]
    if _is_special(key):
        raise _NotOrdinaryError
    value = _value(text)
    if key not in _TENSORS:
        return value
    if not isinstance(value, np.ndarray) or value.shape != (9,):
        raise _NotOrdinaryError
    return value.reshape(3, 3) if key == "Lattice" else value.reshape(3, 3, order="F")


def _value(text: str) -> Any:
    """Return an entry as an integer, a real number, an array of either, or text."""
    if _INTEGERS.fullmatch(text):
        values = np.array([int(word) for word in text.replace(",", " ").split()])
    elif _REALS.fullmatch(text):
        values = np.array([float(word) for word in text.replace(",", " ").split()])
    else:
        return _words(text)
    return values[0] if len(values) == 1 else values


@lru_cache(maxsize=4096)
def _words(text: str) -> str:
    """Return a text that is neither a number nor a truth value."""
    if not _WORDS.fullmatch(text):
        raise _NotOrdinaryError
    first = text.split(maxsplit=1)[0]
    if first.lower() in {"t", "f", "true", "false", "nan", "inf", "infinity"}:
        raise _NotOrdinaryError
    return text


@lru_cache(maxsize=4096)
def _is_special(name: str) -> bool:
    """Whether ASE does more with an entry or column of that name than to keep it."""
    from ase.calculators.calculator import all_properties

    ours = _STRUCTURAL | _OF_STRUCTURE | _OF_ATOMS
    return name not in ours and (name.lower() in _SPECIAL or name in all_properties)


@lru_cache(maxsize=256)
def _columns(properties: str) -> tuple[_Column, ...]:
    """Return the quantities of an entry ``Properties``."""
    fields = properties.split(":")
    columns: list[_Column] = []
    first = 0
    for name, kind, digits in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        count = int(digits) if re.fullmatch("[1-9][0-9]{0,2}", digits) else 0
        kinds = _REQUIRED.get(name, {("R", count), ("I", count)})
        if not count or (kind, count) not in kinds or name in _OF_STRUCTURE or _is_special(name):
            raise _NotOrdinaryError
        columns.append(_Column(name, {"S": str, "R": float, "I": int}[kind], first, count))
        first += count
    names = [column.name for column in columns]
    if len(set(names)) < len(names) or not _REQUIRED.keys() <= set(names):
        raise _NotOrdinaryError
    return tuple(columns)


def _values(rows: Sequence[Sequence[str]], column: _Column) -> np.ndarray:
    """Return the (n,) or (n, width) values of a quantity; atomic numbers of the elements."""
    place, end = column.first, column.first + column.width
    if column.convert is str:
        return np.array([_atomic_number(row[place]) for row in rows])
    dtype = np.float64 if column.convert is float else np.int32
    if column.width == 1:
        return np.array([column.convert(row[place]) for row in rows], dtype)
    words = [word for row in rows for word in row[place:end]]
    return np.array(list(map(column.convert, words)), dtype).reshape(-1, column.width)


@lru_cache(maxsize=512)
def _atomic_number(symbol: str) -> int:
    from ase.data import atomic_numbers

    number = atomic_numbers.get(symbol.capitalize())
    if number is None:
        raise _NotOrdinaryError
    return int(number)
