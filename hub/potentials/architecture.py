"""Architectures: found by name, each in a package of its own that loads neither torch nor models.

The entry points ``mlip_hub.architectures`` name them, ours and those of other packages alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Potential


@dataclass(frozen=True)
class Export:
    """A file for other programs.

    Attributes
    ----------
    ending
        Of the file's name.
    target
        ``module:function`` that writes it. The function takes the model directory, the file,
        ``dtype`` and ``force``, and proves that the file reproduces the stored predictions.
    """

    ending: str
    target: str


class Architecture(ABC):
    """One way to compute energies, with everything that is known of it before it is loaded.

    Attributes
    ----------
    name
        As in ``config.json``.
    title
        For people.
    library
        What cards call the library that computes it.
    config
        The class of its configurations; a file holds all of its fields and no other.
    settings
        The fields of a configuration that a person may choose; the rest follows from the data.
    is_default
        Whether new models are of this architecture if no other is asked for.
    packages
        Distributions whose versions decide what it computes.
    modules, install
        Python modules that must be importable, and the command that installs them.
    exports
        The files for other programs that a model can be written as, by the name of the format.
    file_types
        ``module:function`` by the ending of files that models can be imported from; the function
        takes the file, an empty directory and ``allow_code``, and writes a model directory.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    library: ClassVar[str]
    config: ClassVar[type[PotentialConfig]]
    settings: ClassVar[tuple[str, ...]] = ()
    is_default: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    exports: ClassVar[Mapping[str, Export]] = {}
    file_types: ClassVar[Mapping[str, str]] = {}

    def check(self, config: Any) -> None:  # noqa: B027 - most have nothing to add
        """Raise `MalformedError` for a configuration that no model of this architecture can have.

        Every field is within the limits of its type already.
        """

    @abstractmethod
    def build(self, config: Any, *, dtype: torch.dtype, seed: int = 0) -> Potential:
        """Build a potential with random weights, unit energy scales and zero energy shifts.

        Parameters
        ----------
        config
            One of :attr:`config`.
        dtype
            Precision of the network: ``torch.float64`` or ``torch.float32``.
        seed
            Of the random weights. Random numbers and torch's default precision may be left in any
            state: `hub.potentials.building.build_potential` restores them.
        """

    def missing(self) -> list[str]:
        """Return the modules that are not installed; none is imported to find out."""
        return [module for module in self.modules if find_spec(module) is None]
