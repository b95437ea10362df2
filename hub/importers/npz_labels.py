"""Read the published label files: ``.npz`` archives whose force arrays are pickled.

numpy's unpickling may execute code in the file. Here the pickle is read by an interpreter that
supports only arrays, so that no function of any package is called.
"""

from __future__ import annotations

import pickle
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.structures.arrays import FloatArray, IntArray

ENERGY, FORCE = "energy", "force"

_HINT = "Expected a label file of jla-gardner/nnp-pre-training, with 'energy' and 'force'."
_PLAIN_KINDS = "fiu"


@dataclass(frozen=True, eq=False)
class NpzLabels:
    """The labels of S structures with A atoms in total, in the order of the file.

    Attributes
    ----------
    energies
        (S,) total energies in eV.
    forces
        (A, 3) in eV/Å.
    pointers
        (S + 1,); structure i owns rows ``pointers[i]:pointers[i + 1]`` of the forces.
    """

    energies: FloatArray
    forces: FloatArray
    pointers: IntArray

    def __len__(self) -> int:
        return len(self.energies)


def read_npz_labels(path: Path) -> NpzLabels:
    """Read one published label file.

    Raises
    ------
    DataError
        If it is broken, has other arrays, or its pickle contains anything but arrays of numbers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            energies = _read_array(archive, ENERGY, path)
            forces = _read_array(archive, FORCE, path)
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    except (zipfile.BadZipFile, zlib.error, EOFError) as problem:
        raise DataError(f"{path} is not a complete .npz archive: {problem}", _HINT) from problem
    return _labels(energies, forces, path)


def _labels(energies: np.ndarray, forces: np.ndarray, path: Path) -> NpzLabels:
    if energies.ndim != 1:
        raise DataError(
            f"{path}: '{ENERGY}' has shape {energies.shape}, expected one value per structure",
            _HINT,
        )
    if len(energies) != len(forces):
        raise DataError(
            f"{path} has {len(energies)} energies, but forces of {len(forces)} structures",
            "The file is corrupted or truncated: download it again.",
        )
    per_structure = [_forces_of(value, f"{path}[{index}]") for index, value in enumerate(forces)]
    lengths = [len(rows) for rows in per_structure]
    return NpzLabels(
        energies=_floats(energies, f"{path}: '{ENERGY}'"),
        forces=np.concatenate([np.empty((0, 3)), *per_structure]),
        pointers=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


def _forces_of(value: Any, where: str) -> FloatArray:
    rows = _floats(value, where)
    if rows.ndim != 2 or rows.shape[1] != 3 or not len(rows):
        raise DataError(f"{where}: forces have shape {rows.shape}, expected (atoms, 3)", _HINT)
    return rows


def _floats(value: Any, where: str) -> FloatArray:
    try:
        numbers: FloatArray = np.asarray(value, np.float64)
    except (TypeError, ValueError) as problem:
        raise DataError(f"{where} does not contain numbers", _HINT) from problem
    return numbers


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    member = f"{name}.npy"
    if member not in archive.namelist():
        found = ", ".join(archive.namelist()) or "nothing"
        raise DataError(f"{path} has no array '{name}' (found: {found})", _HINT)
    with archive.open(member) as stream:
        try:
            return _parse(stream)
        except (pickle.UnpicklingError, ValueError, MemoryError) as problem:
            raise DataError(f"{path}: '{name}' cannot be read: {problem}", _HINT) from problem
        # Errors that an unpickler raises for corrupted bytes.
        except (AttributeError, EOFError, LookupError, OverflowError, TypeError) as problem:
            raise DataError(
                f"{path}: '{name}' is a corrupted pickle: {problem}", _HINT
            ) from problem


def _parse(stream: IO[bytes]) -> np.ndarray:
    shape, fortran, dtype = _read_header(stream)
    if dtype.kind in _PLAIN_KINDS:
        return _plain(stream.read(), dtype, shape, fortran=fortran)
    if dtype.kind != "O":
        raise pickle.UnpicklingError(f"unsupported data type {dtype}")
    unpickled = _ArrayUnpickler(stream).load()
    if not isinstance(unpickled, _PickledArray):
        raise pickle.UnpicklingError("the pickle does not contain an array")
    return unpickled.array()


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers: dict[tuple[int, int], Callable[[IO[bytes]], Any]] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        raise ValueError(f"unsupported .npy format {version}")
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = readers[version](stream)
    return header


def _plain(
    data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], *, fortran: bool
) -> np.ndarray:
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


class _PickledType:
    """A number type in a pickle: a code such as ``f8``, then its byte order."""

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or np.dtype(code).kind not in _PLAIN_KINDS + "O":
            raise pickle.UnpicklingError(f"unsupported data type {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _PickledArray:
    """An array in a pickle: version, shape, type, order, and bytes or a list."""

    def __init__(self, *_: Any) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def array(self) -> np.ndarray:
        """Return the array; elements of an object array are converted to arrays, too."""
        _, shape, kind, fortran, content = self._state
        if kind.dtype.kind != "O":
            return _plain(content, kind.dtype, shape, fortran=fortran)
        values = np.empty(len(content), object)
        for index, item in enumerate(content):
            values[index] = item.array() if isinstance(item, _PickledArray) else item
        return values.reshape(shape, order="F" if fortran else "C")


_CORES = ("numpy.core.multiarray", "numpy._core.multiarray")
_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledType,
    **{(core, "_reconstruct"): _PickledArray for core in _CORES},
}


class _ArrayUnpickler(pickle.Unpickler):
    """Read arrays of numbers and arrays of such arrays, and refuse every other name."""

    def find_class(self, module: str, name: str) -> Any:
        """Return our replacement of a name that arrays need."""
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it refers to {module}.{name}, which is not allowed in a file of numbers"
            ) from None
