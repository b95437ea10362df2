"""Formats that are recognised and not read: what to do is said by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

_TO_EXTXYZ = "Convert it to extxyz with the program that wrote it, or in Python with ase.io.write."
# What a file begins with, what it is, and what to do.
_KNOWN = {
    b"\x89HDF\r\n": (
        "HDF5 file, whose layout each data set chooses for itself (ANI, SPICE, DeepMD, ...)",
        "Read it as its authors say, and write extxyz (eV, eV/Å) with ase.io.write.",
    ),
    b"%PDF": ("PDF document", "Name the file of structures."),
    b"PAR1": (
        "Parquet table",
        "Import it as a dataset: hub import FILE --reader datasets --name NAME",
    ),
    b"\x80\x04": ("pickle of Python, which may run any program when it is opened", _TO_EXTXYZ),
    b"\x80\x05": ("pickle of Python, which may run any program when it is opened", _TO_EXTXYZ),
    b"PK\x03\x04": ("zip archive inside of another archive", "Unpack it."),
    b"<!DOCTYPE": (
        "web page",
        "Was it downloaded from a page about the file rather than from the file's own address?",
    ),
    b"<html": ("web page", "Download the file itself, not the page about it."),
    b"version https://git-lfs": (
        "pointer of Git LFS, which stands for the file",
        "Fetch the file itself: git lfs pull",
    ),
}


def recognises(file: Opened) -> bool:
    """Whether a file begins as one of these does."""
    return any(file.head.lstrip().startswith(magic) for magic in _KNOWN)


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Say what the file is.

    Raises
    ------
    DataError
        Always.
    """
    what, advice = next(
        text for magic, text in _KNOWN.items() if file.head.lstrip().startswith(magic)
    )
    raise DataError(f"is a {what}", advice)
