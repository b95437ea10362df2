"""Formats that are recognised but not supported, with a hint for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

_TO_EXTXYZ = "Convert it to extxyz with the program that wrote it, or in Python with ase.io.write."
# First bytes of a file, its format, and the hint.
_KNOWN = {
    b"\x89HDF\r\n": (
        "HDF5 file, whose layout differs between datasets (ANI, SPICE, DeepMD, ...)",
        "Read it as its authors describe, and write extxyz (eV, eV/Å) with ase.io.write.",
    ),
    b"%PDF": ("PDF document", "Name the file of structures."),
    b"PAR1": (
        "Parquet table",
        "Import it as a dataset: hub import FILE --reader datasets --name NAME",
    ),
    b"\x80\x04": ("Python pickle, which can run arbitrary code when opened", _TO_EXTXYZ),
    b"\x80\x05": ("Python pickle, which can run arbitrary code when opened", _TO_EXTXYZ),
    b"PK\x03\x04": ("zip archive inside another archive", "Unpack it."),
    b"<!DOCTYPE": (
        "web page",
        "Download the file itself, not the page about it.",
    ),
    b"<html": ("web page", "Download the file itself, not the page about it."),
    b"version https://git-lfs": (
        "Git LFS pointer, not the file itself",
        "Fetch the file: git lfs pull",
    ),
}


def recognises(file: Opened) -> bool:
    """Whether a file begins like one of these."""
    return any(file.head.lstrip().startswith(magic) for magic in _KNOWN)


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Raise the error that says what the file is.

    Raises
    ------
    DataError
        Always.
    """
    what, advice = next(
        text for magic, text in _KNOWN.items() if file.head.lstrip().startswith(magic)
    )
    raise DataError(f"is a {what}", advice)
