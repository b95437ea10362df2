"""Pull, fine-tune, use and publish pre-trained interatomic potentials.

The names below are imported when first used, so that ``import hub`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hub._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.checking import check
    from hub.datasets import load_dataset
    from hub.exporting import export
    from hub.history.citations import cite
    from hub.history.tracer import lineage
    from hub.importers.models import import_model
    from hub.importing import import_dataset
    from hub.listing import list_versions as list  # noqa: A004 - the command's name
    from hub.potentials import calculator, load_model
    from hub.publishing import publish
    from hub.pulling import pull
    from hub.registries import (
        add_registry,
        copy,
        list_registries,
        remove_registry,
        repair_registry,
    )
    from hub.showing import show
    from hub.synthesis.synthesize import synthesize
    from hub.teachers.relabelling import relabel
    from hub.teachers.verifying import verify_labels
    from hub.training.finetune import finetune
    from hub.training.pretrain import pretrain
    from hub.upkeep import cache_size, prune_cache, verify

# Where a name is defined: a module, and what it is called there.
_HOMES = {
    "add_registry": "hub.registries:add_registry",
    "cache_size": "hub.upkeep:cache_size",
    "calculator": "hub.potentials:calculator",
    "check": "hub.checking:check",
    "cite": "hub.history.citations:cite",
    "copy": "hub.registries:copy",
    "export": "hub.exporting:export",
    "finetune": "hub.training.finetune:finetune",
    "import_dataset": "hub.importing:import_dataset",
    "import_model": "hub.importers.models:import_model",
    "lineage": "hub.history.tracer:lineage",
    "list": "hub.listing:list_versions",
    "list_registries": "hub.registries:list_registries",
    "load_dataset": "hub.datasets.loading:load_dataset",
    "load_model": "hub.potentials:load_model",
    "pretrain": "hub.training.pretrain:pretrain",
    "prune_cache": "hub.upkeep:prune_cache",
    "publish": "hub.publishing:publish",
    "pull": "hub.pulling:pull",
    "relabel": "hub.teachers.relabelling:relabel",
    "remove_registry": "hub.registries:remove_registry",
    "repair_registry": "hub.registries:repair_registry",
    "show": "hub.showing:show",
    "synthesize": "hub.synthesis.synthesize:synthesize",
    "verify": "hub.upkeep:verify",
    "verify_labels": "hub.teachers.verifying:verify_labels",
}

__all__ = [
    "__version__",
    "add_registry",
    "cache_size",
    "calculator",
    "check",
    "cite",
    "copy",
    "export",
    "finetune",
    "import_dataset",
    "import_model",
    "lineage",
    "list",
    "list_registries",
    "load_dataset",
    "load_model",
    "pretrain",
    "prune_cache",
    "publish",
    "pull",
    "relabel",
    "remove_registry",
    "repair_registry",
    "show",
    "synthesize",
    "verify",
    "verify_labels",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, function = _HOMES[name].partition(":")
        return getattr(import_module(module), function)
    raise AttributeError(f"module 'hub' has no attribute {name!r}")


def __dir__() -> Sequence[str]:
    return sorted(__all__)
