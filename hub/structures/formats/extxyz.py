"""Extended XYZ: split into frames, of which ASE reads those that are not ordinary.

ASE's own iteration scans the whole file first, takes a blank line for the end of the file, does not
say which structure is broken, and ignores a cell whose key is not spelt ``Lattice``.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import IO, TYPE_CHECKING

from hub.errors import DataError
from hub.structures.formats.plain_xyz import read_ordinary
from hub.structures.formats.xyz_frames import MOST_COLUMNS, cut_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

# A key starts after a separator, and brackets have a maximum length, so matching is fast.
_PAIR = re.compile(
    r"""(?<![^\s"'}\]])(?P<key>"[^"]*"|[^\s="'{}\[\]]+)\s*=\s*"""
    r"""(?P<value>"(?:\\.|[^"\\])*"|'[^']*'|\{[^}]{0,2000}\}"""
    r"""|\[\s*\[.{0,2000}?\]\s*\]|\[[^\]]{0,2000}\]|[^\s"'{}\[]+)"""
)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?")
_CELLS = {"lattice", "cell", "unit_cell", "unitcell"}
_PERIODICITIES = {"pbc", "periodic", "periodicity"}
_TRUE, _FALSE = {"t", "true", "1", "yes"}, {"f", "false", "0", "no"}
# Columns by their possible names: ASE's name, and the required type.
_COLUMNS = {
    **dict.fromkeys(("species", "symbol", "symbols", "element", "elements"), ("species", "S:1")),
    **dict.fromkeys(
        ("pos", "position", "positions", "coord", "coords", "coordinates"), ("pos", "R:3")
    ),
    **dict.fromkeys(("z", "number", "numbers", "atomic_number", "atomic_numbers"), ("Z", "I:1")),
}
_ISOTOPES = {"D": "deuterium", "T": "tritium"}


def iterate_extxyz(stream: IO[str]) -> Iterator[Atoms]:
    """Yield the structures of an extxyz stream.

    Raises
    ------
    DataError
        If a header gives a key twice, or a cell, periodicity or columns that cannot be parsed.
    ValueError
        If the file is not an extxyz file, ends within a structure, or exceeds a limit of
        `hub.structures.formats.xyz_frames`.
    """
    for header, comment, lines in cut_frames(stream):
        atoms = read_ordinary(comment, lines)
        yield _frame(f"{header}{_corrected(comment)}{''.join(lines)}") if atoms is None else atoms


def looks_like_xyz(head: str) -> bool:
    """Whether a text begins with a number of atoms, a comment, and an atom."""
    lines = head.lstrip().splitlines()[:3]
    if len(lines) < 3 or not lines[0].strip().isdigit():
        return False
    fields = lines[2].split()
    return len(fields) >= 4 and sum(bool(_NUMBER.fullmatch(field)) for field in fields) >= 3


def _frame(text: str) -> Atoms:
    from ase.io.extxyz import read_xyz

    try:
        atoms: Atoms = next(read_xyz(StringIO(text), index=0))
    except KeyError as failure:
        raise _unknown_element(str(failure.args[0])) from failure
    return atoms


def _unknown_element(name: str) -> DataError:
    if name in _ISOTOPES:
        return DataError(
            f"has the element {name}: for a potential, {_ISOTOPES[name]} is hydrogen",
            f"Write H instead of {name} in the file; the mass matters only for dynamics.",
        )
    return DataError(
        f"has the element {name!r}, which is not a chemical symbol",
        "Write chemical symbols (H, He, ...), or check the order of the columns in Properties.",
    )


def _corrected(comment: str) -> str:
    """Return a header line with its structural keys spelt as ASE expects."""
    found: dict[str, re.Match[str]] = {}
    for match in _PAIR.finditer(comment):
        key = match["key"].strip('"')
        if key in found:
            raise DataError(
                f"has the key {key} twice in one line",
                "Remove or rename one of the two.",
            )
        found[key] = match
    changed = {
        **_cell(found),
        **_structural(found, _PERIODICITIES, "pbc", _periodicity),
        **_structural(found, {"properties"}, "Properties", _columns),
    }
    for key in sorted(changed, key=lambda key: found[key].start(), reverse=True):
        start, end = found[key].span()
        comment = comment[:start] + changed[key] + comment[end:]
    return comment


def _structural(found, names, spelling, rewrite) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Rewrite the one key among `names`, ignoring case; refuse two."""
    keys = [key for key in found if key.lower() in names]
    if len(keys) > 1:
        raise DataError(f"has {spelling} more than once: {', '.join(keys)}", "Keep one of them.")
    return {key: f'{spelling}="{rewrite(key, _value(found[key]))}"' for key in keys}


def _cell(found: dict[str, re.Match[str]]) -> dict[str, str]:
    """Rename the key of the cell to ``Lattice``."""
    keys = [key for key in found if key.lower() == "lattice"]
    if not keys:
        keys = [key for key in found if key.lower() in _CELLS]
    return _structural({key: found[key] for key in keys}, _CELLS, "Lattice", _lattice)


def _value(match: re.Match[str]) -> str:
    return match["value"].strip("\"'{}").removeprefix("_JSON").strip()


def _lattice(key: str, value: str) -> str:
    numbers = _NUMBER.findall(value)
    if len(numbers) != 9 or re.search(r"[A-Za-df-z]{2}", value):
        raise DataError(
            f"has the entry {key}={value!r}, but a cell must have nine numbers",
            'Write the lattice vectors one after the other, in Å: Lattice="ax ay az bx ... cz".',
        )
    return " ".join(numbers)


def _periodicity(key: str, value: str) -> str:
    words = re.findall(r"[^\s,\[\]]+", value.lower())
    if len(words) == 1:
        words = list(words[0]) if len(words[0]) == 3 and words[0] not in _TRUE else words * 3
    if len(words) != 3 or not set(words) <= _TRUE | _FALSE:
        raise DataError(
            f"has the entry {key}={value!r}, but periodicity must be T or F for each lattice "
            "vector",
            'Write pbc="T T T" for a crystal, pbc="F F F" for a molecule.',
        )
    return " ".join("T" if word in _TRUE else "F" for word in words)


def _columns(key: str, value: str) -> str:
    """Name the columns of elements and positions as ASE does; raise if one is missing."""
    fields = value.strip().split(":")
    counts = fields[2::3]
    if len(fields) % 3 or not all(re.fullmatch("[0-9]{1,18}", count) for count in counts):
        raise DataError(
            f"has the entry {key}={value[:200]!r}, expected names, types and numbers of columns",
            "Example: Properties=species:S:1:pos:R:3:forces:R:3.",
        )
    if sum(map(int, counts)) > MOST_COLUMNS:
        raise DataError(f"declares more than {MOST_COLUMNS:,} columns", "Remove unneeded columns.")
    names, kinds = (
        fields[::3],
        [":".join(pair) for pair in zip(fields[1::3], fields[2::3], strict=True)],
    )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DataError(
            f"has the columns {', '.join(sorted(twice))} twice", "Remove or rename one of the two."
        )
    for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        spelling, wanted = _COLUMNS.get(name.lower(), (name, kind))
        if spelling == "species" and kind == "I:1":
            spelling, wanted = "Z", kind
        if kind == wanted and spelling not in names:
            names[place] = spelling
    for wanted_names, what in (({"species", "Z"}, "elements"), ({"pos"}, "positions")):
        if not wanted_names & set(names):
            raise DataError(
                f"has no column of {what}; found: {', '.join(names)}",
                "Name them in Properties=species:S:1:pos:R:3:...",
            )
    return ":".join(f"{name}:{kind}" for name, kind in zip(names, kinds, strict=True))


def recognises(file: Opened) -> bool:
    """Whether a file has an xyz extension, or a number of atoms, a comment, and atoms."""
    named = file.name.lower().endswith((".xyz", ".extxyz", ".exyz"))
    return named or looks_like_xyz(file.text)


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Yield the structures of a file."""
    with file.text_stream() as stream:
        yield from iterate_extxyz(stream)
