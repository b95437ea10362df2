"""Architectures: found by name, each in its own package that imports neither torch nor models.

They are declared by the entry points ``mlip_hub.architectures``, ours and those of other packages.
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
    """An export format: a file for other programs.

    Attributes
    ----------
    ending
        The ending of the file name.
    target
        ``module:function`` that writes it. The function takes the model directory, the file,
        ``dtype`` and ``force``, and verifies that the file reproduces the stored predictions.
    """

    ending: str
    target: str


class Architecture(ABC):
    """A model architecture, with everything that is known about it before it is loaded.

    Attributes
    ----------
    name
        As in ``config.json``.
    title
        The display name.
    library
        The name of its library in cards.
    config
        The class of its configurations; a file has all of its fields and no others.
    settings
        The fields of a configuration that users may choose; the rest follow from the data.
    is_default
        Whether new models have this architecture by default.
    is_trainable
        Whether its models can be trained; otherwise they can only predict.
    packages
        Distributions whose versions affect what it computes.
    modules, install
        Python modules that must be importable, and the command that installs them.
    exports
        The export formats, by name.
    file_types
        ``module:function`` by the ending of files from which models can be imported; the function
        takes the file, an empty directory and ``allow_code``, and writes a model directory.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    library: ClassVar[str]
    config: ClassVar[type[PotentialConfig]]
    settings: ClassVar[tuple[str, ...]] = ()
    is_default: ClassVar[bool] = False
    is_trainable: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    exports: ClassVar[Mapping[str, Export]] = {}
    file_types: ClassVar[Mapping[str, str]] = {}

    def check(self, config: Any) -> None:  # noqa: B027 - most have nothing to add
        """Raise `MalformedError` for a configuration that is invalid for this architecture.

        Every field has been checked against the limits of its type.
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
            Seed of the random weights. The state of random number generators and torch's default
            precision may be changed: `hub.potentials.building.build_potential` restores them.
        """

    def build_accelerated(
        self, config: Any, *, dtype: torch.dtype, device: torch.device, seed: int | None = None
    ) -> Potential:
        """Build a potential on a device, in its fastest form.

        By default it is built, moved and accelerated.

        Parameters
        ----------
        config, dtype
            As for :meth:`build`.
        device
            Where it computes.
        seed
            Seed of the random weights, which are those of :meth:`build`. If None, the weights are
            about to be set and may be anything.
        """
        return self.build(config, dtype=dtype, seed=seed or 0).to(device).accelerate()

    def missing(self) -> list[str]:
        """Return the modules that are not installed, without importing any."""
        return [module for module in self.modules if find_spec(module) is None]
