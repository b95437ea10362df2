"""Read NequIP packages without executing any of their code.

A package is a zip archive of code, pickled models and raw numbers. The pickles are read as
descriptions; the code is not read at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from msgspec import Struct

from hub.errors import IncompatibleModelError, ModelError
from hub.potentials.nequip.archive import Archive, open_archive
from hub.potentials.nequip.pickles import External, Made, Name, read_pickle
from registry.cards import parse_yaml
from registry.documents import MalformedError, damage, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FORMAT = 2  # of nequip-package
LARGEST_TEXT = 1 << 20
LARGEST_PICKLE = 64 << 20
LARGEST_NUMBERS = 2 << 30  # total bytes of all tensors
MOST_MODULES = 20_000
DEEPEST_MODULE = 30
_MOST_AXES = 8
SOLE_MODEL = "sole_model"
_METADATA = "model/package_metadata.txt"
_PARAMETER = Name("torch._utils", "_rebuild_parameter")
_TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
_HINT = "Download it again, or rebuild it with nequip-package."
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "LongStorage": torch.int64,
}


@dataclass(frozen=True)
class Described:
    """A torch module as described by a pickle.

    Attributes
    ----------
    kind
        Its class, with the Python module that defines it.
    attributes
        Its other attributes; those that are not plain values are as `read_pickle` returns them.
    tensors
        Its own parameters and buffers.
    children
        Its submodules.
    """

    kind: str
    attributes: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    children: dict[str, Described]

    def walk(self, path: str = "") -> Iterator[tuple[str, Described]]:
        """Yield the module and all its descendants, with their paths."""
        yield path, self
        for name, child in self.children.items():
            yield from child.walk(f"{path}.{name}" if path else name)


@dataclass(frozen=True)
class Package:
    """A package with a single model.

    Attributes
    ----------
    versions
        The versions of the programs that made it, for users.
    config
        The text of ``config.yaml``.
    model
        NequIP's ``GraphModel``.
    """

    versions: dict[str, Any]
    config: bytes
    model: Described


class _Metadata(Struct):
    package_version_id: int
    available_models: list[str]
    versions: dict[str, Any] = {}


def read_package(path: Path) -> Package:
    """Read a NequIP package.

    Raises
    ------
    ModelError
        If it is corrupted, not a package, or too large for a model.
    IncompatibleModelError
        If a newer release of NequIP made it, or it does not contain exactly one model.
    """
    with damage(path, ModelError, _HINT), open_archive(path, _METADATA) as archive:
        text = archive.read(_METADATA, LARGEST_TEXT).decode(errors="replace")
        metadata = fit(parse_yaml(text), _Metadata)
        if metadata.package_version_id > FORMAT:
            raise IncompatibleModelError(
                f"{path} has package format {metadata.package_version_id}, but this release reads "
                f"only up to {FORMAT}",
                "Update mlip-hub: pip install --upgrade mlip-hub",
            )
        models = describe(
            read_pickle(archive.read("model/eager_model.pkl", LARGEST_PICKLE)), _Numbers(archive)
        )
        if list(models.children) != [SOLE_MODEL]:
            raise IncompatibleModelError(
                f"expected a single model in {path}, found "
                f"{', '.join(models.children)[:100] or 'none'}",
                "Only packages with one model can be imported.",
            )
        config = archive.read("model/config.yaml", LARGEST_TEXT)
    return Package(metadata.versions, config, models.children[SOLE_MODEL])


def describe(found: Any, numbers: Callable[[Any], torch.Tensor]) -> Described:
    """Return the torch module that a pickle describes.

    Parameters
    ----------
    found
        As `read_pickle` returns it.
    numbers
        Returns the storage (n,) of a tensor, given the reference to it in the pickle.

    Raises
    ------
    MalformedError
        If it is not a module, contains itself, or a tensor exceeds its storage.
    """
    return _Description(numbers).module(found, 0)


class _Description:
    """The conversion of a pickle to modules and tensors."""

    def __init__(self, numbers: Callable[[Any], torch.Tensor]) -> None:
        self.numbers = numbers
        self.count = 0

    def module(self, found: Any, depth: int) -> Described:
        self.count += 1
        if depth > DEEPEST_MODULE or self.count > MOST_MODULES:
            raise MalformedError("the model has too many modules, or contains itself")
        if not (isinstance(found, Made) and isinstance(found.maker, Name)):
            raise MalformedError("invalid module in the model")
        state = dict(entries_of(found.state))
        below = entries_of(state.pop("_modules", None))
        tensors = {
            **entries_of(state.pop("_parameters", None)),
            **entries_of(state.pop("_buffers", None)),
        }
        return Described(
            kind=str(found.maker),
            attributes=state,
            tensors={
                name: self.tensor(value) for name, value in tensors.items() if value is not None
            },
            children={
                name: self.module(value, depth + 1)
                for name, value in below.items()
                if value is not None
            },
        )

    def tensor(self, found: Any) -> torch.Tensor:
        """Return a tensor, or the tensor of a parameter."""
        inner = _arguments(found, _PARAMETER)
        match _arguments(inner[0] if inner else found, _TENSOR):
            case (External(place), int() as offset, tuple() as shape, tuple() as strides, *_):
                numbers = self.numbers(place)
            case _:
                raise MalformedError("invalid tensor in the model")
        sizes = (offset, *shape, *strides)
        if not len(shape) == len(strides) <= _MOST_AXES or not all(map(_is_size, sizes)):
            raise MalformedError("invalid tensor shape in the model")
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        count = math.prod(shape)
        if count and (count > len(numbers) or last >= len(numbers)):
            raise MalformedError("a tensor of the model exceeds its storage")
        return numbers.as_strided(shape, strides, offset) if count else numbers[:0]


class _Numbers:
    """The tensor storages of a package, which are stored next to its pickles."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.known: dict[str, torch.Tensor] = {}
        self.left = LARGEST_NUMBERS

    def __call__(self, reference: Any) -> torch.Tensor:
        match reference:
            case ("storage", Name(module="torch", name=kind), int() as key, *_) if kind in _DTYPES:
                name = f".data/{key}.storage"
            case _:
                raise MalformedError("invalid reference to a tensor storage in the model")
        if name not in self.known:
            content = self.archive.read(name, self.left)
            self.left -= len(content)
            if len(content) % _DTYPES[kind].itemsize:
                raise MalformedError(f"{name} ends in the middle of a number")
            self.known[name] = (
                torch.frombuffer(bytearray(content), dtype=_DTYPES[kind])
                if content
                else torch.empty(0, dtype=_DTYPES[kind])
            )
        return self.known[name]


def _is_size(number: object) -> bool:
    return type(number) is int and 0 <= number <= LARGEST_NUMBERS


def _arguments(found: Any, maker: Name) -> tuple[Any, ...]:
    """Return the arguments of a call of `maker`; nothing if another function is called."""
    if isinstance(found, Made) and found.maker == maker and isinstance(found.arguments, tuple):
        return found.arguments
    return ()


def entries_of(found: Any) -> dict[str, Any]:
    """Return the entries of a dictionary in a pickle, whose keys must be text.

    Raises
    ------
    MalformedError
        If it is not such a dictionary.
    """
    entries = found.entries if isinstance(found, Made) else found
    if entries is None:
        return {}
    if not isinstance(entries, dict) or not all(isinstance(key, str) for key in entries):
        raise MalformedError("invalid dictionary in the model")
    return entries
