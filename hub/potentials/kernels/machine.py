"""Compile kernels to machine code with LLVM, and load it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import threading
from typing import TYPE_CHECKING

from hub.potentials.kernels import storage

if TYPE_CHECKING:
    from collections.abc import Callable

# llvmlite is imported late, because everything else works without it, only slower.

_VERSION = 1  # of the generated code


class Machine:
    """The processor of this machine."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
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
        module = self.llvm.parse_assembly(text)
        module.verify()
        found: bytes = self.target.emit_object(module)
        return found

    def load(self, code: bytes, name: str) -> int:
        """Load an object file, and return the address of a function of it."""
        self.engine.add_object_file(self.llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        address: int = self.engine.get_function_address(name)
        if not address:
            raise RuntimeError(f"the compiled code has no function {name}")
        return address


@functools.cache
def machine() -> Machine:
    """Return this machine's processor, ready to compile."""
    return Machine()


# One thread compiles at a time, and each kernel only once. A forked process has locks of its own,
# because its parent's may be held by a thread that it does not have.
_LOCKS: dict[int, threading.Lock] = {}
_LOADED: dict[str, int] = {}


def load_function(text: str, name: str, n_arguments: int) -> Callable[..., None]:
    """Compile a module, or take it from the folder of compiled ones, and return its function.

    Parameters
    ----------
    text
        The module in LLVM's intermediate language.
    name
        The function, whose name must be that of no other in the process.
    n_arguments
        The number of its arguments, which are integers or addresses.

    Returns
    -------
    The function; while it runs, other Python threads run too.
    """
    with _LOCKS.setdefault(os.getpid(), threading.Lock()):
        if name not in _LOADED:
            _LOADED[name] = machine().load(_code(text), name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * n_arguments)(_LOADED[name])


def address_of(function: Callable[..., None]) -> int:
    """Return where the code of a loaded function is."""
    pointer = ctypes.cast(function, ctypes.c_void_p)  # type: ignore[arg-type]
    return pointer.value or 0


def _code(text: str) -> bytes:
    import llvmlite

    here = machine()
    version = (_VERSION, llvmlite.__version__, here.llvm.llvm_version_info)
    parts = (*version, here.name, here.features, text)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()
    folder = storage.kernel_folder()
    code = storage.read(folder, key) if folder else None
    if code is None:
        code = here.compile(text)
        if folder:
            storage.write(folder, key, code)
    return code
