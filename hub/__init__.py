"""Pull, fine-tune, use and publish pre-trained interatomic potentials.

The names below are imported on first use, so that ``import hub`` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hub._version import __version__

if TYPE_CHECKING:
    from hub.datasets import load_dataset
    from hub.library import pull
    from hub.potentials import calculator, load_model
    from hub.synthesis.synthesize import synthesize
    from hub.teachers.relabelling import relabel
    from hub.teachers.verifying import verify_labels
    from hub.training.finetune import finetune
    from hub.training.pretrain import pretrain

# Where a name is defined: a module, and the name in it.
_HOMES = {
    "calculator": "hub.potentials:calculator",
    "finetune": "hub.training.finetune:finetune",
    "load_dataset": "hub.datasets.loading:load_dataset",
    "load_model": "hub.potentials:load_model",
    "pretrain": "hub.training.pretrain:pretrain",
    "pull": "hub.library:pull",
    "relabel": "hub.teachers.relabelling:relabel",
    "synthesize": "hub.synthesis.synthesize:synthesize",
    "verify_labels": "hub.teachers.verifying:verify_labels",
}

__all__ = [
    "__version__",
    "calculator",
    "finetune",
    "load_dataset",
    "load_model",
    "pretrain",
    "pull",
    "relabel",
    "synthesize",
    "verify_labels",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, function = _HOMES[name].partition(":")
        return getattr(import_module(module), function)
    raise AttributeError(f"module 'hub' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
