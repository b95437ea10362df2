"""LMDB files: ASE databases of the package ase-db-backends (``.aselmdb``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.structures.formats.ase_files import read_database

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ase import Atoms

    from hub.structures.formats.opened import Opened

NAME = "LMDB"
_MAGIC = b"\xde\xc0\xef\xbe"


def recognises(file: Opened) -> bool:
    """Whether a file is an LMDB environment."""
    return file.head[16:20] == _MAGIC


def read(file: Opened, notes: MutableMapping[str, None]) -> Iterator[Atoms]:  # noqa: ARG001
    """Yield the structures of the ASE database in the file."""
    try:
        import ase_db_backends  # noqa: F401 - registers itself with ASE
        import lmdb
    except ImportError as failure:
        raise DataError(
            "is an LMDB file (e.g. an ASE database of OCP or OMat); the packages to read it are "
            "not installed",
            'Install them: pip install "mlip-hub[formats]"',
        ) from failure
    with file.plain() as path:
        with (
            lmdb.open(str(path), subdir=False, readonly=True, lock=False) as environment,
            environment.begin() as transaction,
        ):
            is_database = transaction.get(b"nextid") is not None
        if not is_database:
            raise DataError(
                "is an LMDB file, but not an ASE database",
                "Read it with the program that wrote it, and write extxyz with ase.io.write.",
            )
        yield from read_database(path, "aselmdb")
