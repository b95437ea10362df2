"""Compile kernels to machine code with LLVM, and keep it in a folder of this user."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite
import llvmlite.binding as llvm

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = 1  # of the generated code
_DIGEST = hashlib.sha256().digest_size


class Machine:
    """The processor of this machine."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.name = llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features()
        self.features = features.flatten()
        # A processor of AMD's or Intel's with wider registers runs slower with them, or hotter.
        self.vector_bytes = 32 if features.get("avx2") else 16
        self.target = llvm.Target.from_default_triple().create_target_machine(
            cpu=self.name, features=self.features, opt=3, jit=True, codemodel="jitdefault"
        )
        # It owns the loaded code, which lives as long as the process.
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self.target)

    def compile(self, text: str) -> bytes:
        """Compile a module to an object file."""
        module = llvm.parse_assembly(text)
        module.verify()
        found: bytes = self.target.emit_object(module)
        return found

    def load(self, code: bytes) -> None:
        """Load an object file."""
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()


@functools.cache
def machine() -> Machine:
    """Return this machine's processor, ready to compile."""
    return Machine()


def load_functions(text: str, names: Sequence[str], n_arguments: Sequence[int]) -> list[Any]:
    """Compile a module, or take it from the folder of compiled ones, and return its functions.

    Parameters
    ----------
    text
        The module in LLVM's intermediate language.
    names, n_arguments
        Its functions, which must have unique names in the process, and the number of arguments of
        each, which are integers or addresses.

    Returns
    -------
    The functions; while they run, other Python threads run too.
    """
    here = machine()
    parts = (_VERSION, llvmlite.__version__, llvm.llvm_version_info, here.name, here.features, text)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()
    folder = kernel_folder()
    code = _read(folder / f"{key}.o") if folder else None
    if code is None:
        code = here.compile(text)
        if folder:
            _write(folder / f"{key}.o", code)
    here.load(code)
    found = []
    for name, count in zip(names, n_arguments, strict=True):
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * count)
        found.append(kind(here.engine.get_function_address(name)))
    return found


def kernel_folder() -> Path | None:
    """Return the folder of compiled kernels, which only this user may read and write.

    Returns
    -------
    None if there is no such folder and none can be made, or if it belongs to someone else or is
    open to others: kernels are then compiled anew in each process, because code is never run that
    another user could have written.
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(home) if home else Path.home() / ".cache"
        folder = base / "mlip-hub-kernels"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder if _is_private(folder) else None
    except (OSError, RuntimeError):  # no home folder
        return None


def _is_private(folder: Path) -> bool:
    if sys.platform == "win32":  # profiles of users are closed to others
        return True
    found = folder.lstat()
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and stat.S_IMODE(found.st_mode) & 0o077 == 0
    )


def _read(path: Path) -> bytes | None:
    """Return stored code, or None if there is none or it is damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST], content[_DIGEST:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> None:
    """Store code whole or not at all; if it cannot be stored, it is compiled again next time."""
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
