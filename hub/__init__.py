"""Pull, fine-tune, use and publish pre-trained interatomic potentials.

The names below are imported when first used, so that ``import hub`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hub._version import __version__

if TYPE_CHECKING:
    from hub.alchemy.transmute import transmute
    from hub.datasets import load_dataset
    from hub.evaluation.compare import compare_labels
    from hub.evaluation.coverage import overlap
    from hub.evaluation.models import evaluate_models as evaluate
    from hub.library import pull
    from hub.potentials import calculator, load_model
    from hub.studies.learning_curve import learning_curve
    from hub.studies.stability_check import stability
    from hub.synthesis.synthesize import synthesize
    from hub.teachers.families import list_teachers
    from hub.teachers.relabelling import relabel
    from hub.teachers.verifying import verify_labels
    from hub.training.finetune import finetune
    from hub.training.pretrain import pretrain

# Where a name is defined: a module, and what it is called there.
_HOMES = {
    "calculator": "hub.potentials:calculator",
    "compare_labels": "hub.evaluation.compare:compare_labels",
    "evaluate": "hub.evaluation.models:evaluate_models",
    "finetune": "hub.training.finetune:finetune",
    "learning_curve": "hub.studies.learning_curve:learning_curve",
    "list_teachers": "hub.teachers.families:list_teachers",
    "load_dataset": "hub.datasets.loading:load_dataset",
    "load_model": "hub.potentials:load_model",
    "overlap": "hub.evaluation.coverage:overlap",
    "pretrain": "hub.training.pretrain:pretrain",
    "pull": "hub.library:pull",
    "relabel": "hub.teachers.relabelling:relabel",
    "stability": "hub.studies.stability_check:stability",
    "synthesize": "hub.synthesis.synthesize:synthesize",
    "transmute": "hub.alchemy.transmute:transmute",
    "verify_labels": "hub.teachers.verifying:verify_labels",
}

__all__ = [
    "__version__",
    "calculator",
    "compare_labels",
    "evaluate",
    "finetune",
    "learning_curve",
    "list_teachers",
    "load_dataset",
    "load_model",
    "overlap",
    "pretrain",
    "pull",
    "relabel",
    "stability",
    "synthesize",
    "transmute",
    "verify_labels",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, function = _HOMES[name].partition(":")
        return getattr(import_module(module), function)
    raise AttributeError(f"module 'hub' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
