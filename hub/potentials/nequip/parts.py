"""Checked access to the modules and values of a described model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from hub.errors import IncompatibleModelError
from hub.potentials.nequip.pickles import Made, Name
from registry.documents import MalformedError

if TYPE_CHECKING:
    import torch

    from hub.potentials.nequip.package import Described

T = TypeVar("T")

HINT = "Use it with NequIP itself, or train a new model: hub pretrain."
_MOST_IRREPS = 120  # numbers, three for each
_FUNCTIONS = {
    "torch.nn.functional.silu": "silu",
    "torch.tanh": "tanh",
    "torch.abs": "abs",
    "nequip.nn.nonlinearities.shifted_softplus": "ssp",
}


def part(module: Described, path: str) -> Described:
    """Return the submodule at a path such as ``model.func``.

    Raises
    ------
    MalformedError
        If it is missing.
    """
    for name in path.split("."):
        if name not in module.children:
            raise MalformedError(f"the model has no {path}")
        module = module.children[name]
    return module


def tensor(module: Described, path: str) -> torch.Tensor:
    """Return the tensor of a module at a path such as ``mlp.0.weight``.

    Raises
    ------
    MalformedError
        If it is missing.
    """
    owner, _, name = path.rpartition(".")
    tensors = (part(module, owner) if owner else module).tensors
    if name not in tensors:
        raise MalformedError(f"the model has no {path}")
    return tensors[name]


def value(module: Described, name: str, kind: type[T]) -> T:
    """Return an attribute of a module, which must have the given type.

    Raises
    ------
    MalformedError
        If it has another type.
    """
    return checked(module.attributes.get(name), kind, name)


def checked(found: Any, kind: type[T], name: str = "number") -> T:
    """Return a value if it has the right type; raises like :func:`value`."""
    if type(found) is not kind:
        raise MalformedError(f"a module of the model has an invalid {name}")
    return found


def hidden_widths(network: Described) -> list[int]:
    """Return the widths of the hidden layers of a small network; raises like :func:`value`."""
    return [checked(width, int) for width in value(network, "dims", list)[1:-1]]


def irreps_of(found: Any) -> str:
    """Return e3nn's irreps in a pickle as text, such as 32x0e+16x1o.

    Raises
    ------
    MalformedError
        If they are invalid.
    """
    waiting: list[Any] = [found]
    numbers: list[int] = []
    while waiting and len(numbers) <= _MOST_IRREPS:
        each = waiting.pop()
        if isinstance(each, Made):
            waiting.append(each.arguments)
        elif isinstance(each, tuple) and len(each) <= _MOST_IRREPS:
            waiting += reversed(each)
        else:
            numbers.append(checked(each, int))
    sound = bool(numbers) and len(numbers) % 3 == 0
    triples = list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=False))
    for width, degree, odd in triples:
        sound &= 0 < width < 10_000 and 0 <= degree < 10 and odd in (-1, 1)
    if not sound:
        raise MalformedError("a module of the model has invalid irreps")
    return "+".join(f"{width}x{degree}{'e' if odd == 1 else 'o'}" for width, degree, odd in triples)


def function_name(found: Any) -> str:
    """Return our name of a nonlinear function in a pickle.

    Raises
    ------
    IncompatibleModelError
        If the function is not supported.
    """
    name = str(found)[:100] if isinstance(found, Name) else "an unknown function"
    match found:  # functions of torch's C++ part are looked up by name
        case Made(Name("builtins", "getattr"), (Name("torch._C"), str() as attribute)):
            name = f"torch.{attribute}"
    if name not in _FUNCTIONS:
        raise IncompatibleModelError(f"unsupported nonlinearity of the features: {name}", HINT)
    return _FUNCTIONS[name]
