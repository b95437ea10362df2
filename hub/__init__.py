"""Pull, fine-tune, use and publish pre-trained interatomic potentials.

The names below are imported on first use, so that ``import hub`` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hub._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.alchemy.transmute import transmute
    from hub.checking import check
    from hub.datasets import load_dataset
    from hub.evaluation.compare import compare_labels
    from hub.evaluation.coverage import overlap
    from hub.evaluation.models import evaluate_models as evaluate
    from hub.exporting import export
    from hub.guides import guide
    from hub.history.citations import cite
    from hub.history.tracer import lineage
    from hub.importers.models import import_model
    from hub.importing import import_dataset
    from hub.listing import list_versions as list  # noqa: A004 - the command's name
    from hub.potentials import calculator, load_model
    from hub.publishing import publish
    from hub.pulling import pull
    from hub.registries import add_registry, copy, list_registries, remove_registry, repair_registry
    from hub.showing import show
    from hub.site.building import build_site
    from hub.site.serving import serve_site
    from hub.studies.distil import distil
    from hub.studies.learning_curve import learning_curve
    from hub.studies.rank import rank
    from hub.studies.stability_check import stability
    from hub.synthesis.around import synthesize_around
    from hub.synthesis.synthesize import synthesize
    from hub.teachers.families import list_teachers
    from hub.teachers.relabelling import relabel
    from hub.teachers.verifying import verify_labels
    from hub.training.finetune import finetune
    from hub.training.pretrain import pretrain
    from hub.upkeep import cache_size, prune_cache, verify

# Where a name is defined: a module, and the name in it.
_HOMES = {
    "add_registry": "hub.registries:add_registry",
    "build_site": "hub.site.building:build_site",
    "cache_size": "hub.upkeep:cache_size",
    "calculator": "hub.potentials:calculator",
    "check": "hub.checking:check",
    "cite": "hub.history.citations:cite",
    "compare_labels": "hub.evaluation.compare:compare_labels",
    "copy": "hub.registries:copy",
    "distil": "hub.studies.distil:distil",
    "evaluate": "hub.evaluation.models:evaluate_models",
    "export": "hub.exporting:export",
    "finetune": "hub.training.finetune:finetune",
    "guide": "hub.guides:guide",
    "import_dataset": "hub.importing:import_dataset",
    "import_model": "hub.importers.models:import_model",
    "learning_curve": "hub.studies.learning_curve:learning_curve",
    "lineage": "hub.history.tracer:lineage",
    "list": "hub.listing:list_versions",
    "list_registries": "hub.registries:list_registries",
    "list_teachers": "hub.teachers.families:list_teachers",
    "load_dataset": "hub.datasets.loading:load_dataset",
    "load_model": "hub.potentials:load_model",
    "overlap": "hub.evaluation.coverage:overlap",
    "pretrain": "hub.training.pretrain:pretrain",
    "prune_cache": "hub.upkeep:prune_cache",
    "publish": "hub.publishing:publish",
    "pull": "hub.pulling:pull",
    "rank": "hub.studies.rank:rank",
    "relabel": "hub.teachers.relabelling:relabel",
    "remove_registry": "hub.registries:remove_registry",
    "repair_registry": "hub.registries:repair_registry",
    "serve_site": "hub.site.serving:serve_site",
    "show": "hub.showing:show",
    "stability": "hub.studies.stability_check:stability",
    "synthesize": "hub.synthesis.synthesize:synthesize",
    "synthesize_around": "hub.synthesis.around:synthesize_around",
    "transmute": "hub.alchemy.transmute:transmute",
    "verify": "hub.upkeep:verify",
    "verify_labels": "hub.teachers.verifying:verify_labels",
}

__all__ = [
    "__version__",
    "add_registry",
    "build_site",
    "cache_size",
    "calculator",
    "check",
    "cite",
    "compare_labels",
    "copy",
    "distil",
    "evaluate",
    "export",
    "finetune",
    "guide",
    "import_dataset",
    "import_model",
    "learning_curve",
    "lineage",
    "list",
    "list_registries",
    "list_teachers",
    "load_dataset",
    "load_model",
    "overlap",
    "pretrain",
    "prune_cache",
    "publish",
    "pull",
    "rank",
    "relabel",
    "remove_registry",
    "repair_registry",
    "serve_site",
    "show",
    "stability",
    "synthesize",
    "synthesize_around",
    "transmute",
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
