"""The card of a trained model: architecture, lineage and errors."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hub
from hub.devices import device_name
from hub.evaluation.forgetting import forgetting_text
from hub.evaluation.metrics import ALL
from hub.potentials.architectures import architecture_of, model_front_matter
from hub.structures.checks import blocking
from hub.training.recipe import keeps_best
from registry.cards import FILE_NAME, join_front_matter

if TYPE_CHECKING:
    from hub.potentials.committee.potential import Committee
    from hub.potentials.config import PotentialConfig
    from hub.training.preparation import Preparation
    from hub.training.state import Progress

_PACKAGES = ("ase", "numpy")
_OPTIONAL = ("forgetting", "cross_validation")


def write_card(directory: Path, preparation: Preparation, results: dict[str, Any]) -> None:
    """Write the card of a trained model next to its weights.

    Everything is filled in except the licence, which the publisher gives.
    """
    front_matter = _front_matter(preparation, results)
    title = architecture_of(preparation.potential.config).title
    text = join_front_matter(front_matter, _body(title, front_matter, results))
    (directory / FILE_NAME).write_text(text, encoding="utf-8")


def write_committee_card(directory: Path, committee: Committee, results: dict[str, Any]) -> None:
    """Write the card of a committee, whose members differ in their seed and bootstrap sample."""
    training = results["training"]
    number, n_train = len(committee.members), training["data"]["n_train"]
    content = model_front_matter(
        committee.config, f"Committee of {number} models, each trained on {n_train} structures"
    )
    parent = training["parent"] or {}
    if "name" in parent:
        content["base_model"] = parent["name"]
    content |= {
        "training": training,
        "seeds": results["seeds"],
        "measured_errors": results["errors"],
    }
    title = architecture_of(committee.members[0].config).title
    text = join_front_matter(content, _body(f"committee of {title}", content, results))
    (directory / FILE_NAME).write_text(text, encoding="utf-8")


def software_versions(config: PotentialConfig) -> dict[str, str]:
    """Return the versions of the software that computes with such a potential."""
    versions = {"python": platform.python_version(), "mlip-hub": hub.__version__}
    packages = (*architecture_of(config).packages, *_PACKAGES)
    return versions | {name: version(name) for name in packages}


def lineage(preparation: Preparation, progress: Progress) -> dict[str, Any]:
    """Return the lineage of a training: parent, data, recipe, software, hardware."""
    structures = preparation.structures
    parent = preparation.parent
    return {
        "parent": parent.as_parent("fine-tuned") if parent else None,
        "data": {
            "files": [Path(name).name for name in structures.sources],
            "sha256": structures.digest(),
            "train_sha256": preparation.train.digest(),
            "n_train": len(preparation.train),
            "n_validation": len(preparation.validation),
            "energy_key": preparation.energy_key,
            "forces_key": preparation.forces_key,
            **_allowed(preparation),
            **preparation.origin,
        },
        **({"alchemical": preparation.search.chosen.to_json()} if preparation.search else {}),
        "energy_shift_eV_per_atom": preparation.shift.energies,
        "recipe": vars(preparation.recipe),
        "method": preparation.method_name,
        "seed": preparation.seed,
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "device": device_name(preparation.potential.device),
        "versions": software_versions(preparation.potential.config),
    }


def _allowed(preparation: Preparation) -> dict[str, Any]:
    """Return the errors in the data that the user allowed."""
    errors = blocking(preparation.findings)
    return (
        {"allowed_findings": [f"{each.code}: {each.message}" for each in errors]} if errors else {}
    )


def _front_matter(preparation: Preparation, results: dict[str, Any]) -> dict[str, Any]:
    config, training = preparation.potential.config, results["training"]
    parent = training["parent"] or {}
    content = model_front_matter(config, _description(preparation, parent))
    if "name" in parent:
        content["base_model"] = parent["name"]
    content |= {"training": training, "measured_errors": results["errors"]}
    return content | {name: results[name] for name in _OPTIONAL if name in results}


def _description(preparation: Preparation, parent: dict[str, Any]) -> str:
    files = [Path(name).name for name in preparation.train.sources]
    data = files[0] if len(files) == 1 else f"{len(files)} files"
    start = "trained from scratch" if not parent else "fine-tuned"
    start = "pre-trained" if preparation.origin else start
    of = f"{parent['name']} " if "name" in parent else "A model "
    of = "A model " if not parent else of
    return f"{of}{start} on {len(preparation.train)} structures of {data}"


def _body(title: str, front_matter: dict[str, Any], results: dict[str, Any]) -> str:
    """Return the text of the card."""
    errors, training = results["errors"], results["training"]
    columns = {"energy, meV/atom": ("energy_rmse", 1), "forces, eV/Å": ("force_rmse", 3)}
    if errors["after"][ALL]["stress_rmse"] is not None:
        columns["stress, GPa"] = ("stress_rmse", 2)
    models = {"before training": errors["before"], "this model": errors["after"]}
    rows = [["", *columns], ["---"] * (1 + len(columns))]
    rows += [
        [name, *(_number(of[ALL][error], decimals) for error, decimals in columns.values())]
        for name, of in models.items()
        if of is not None
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    elements = ", ".join(front_matter["model"]["elements"])
    return (
        f"# {front_matter['description']}\n\n"
        f"A {title} potential for {elements}, cutoff {front_matter['model']['cutoff']} Å. Energies "
        f"are in eV; their zero is {front_matter['model']['energy_reference']}.\n\n"
        f"Root-mean-square errors on {errors['n_structures']} structures of the "
        f"{errors['set']} set:\n\n{table}\n\n"
        f"Trained on {training['data']['n_train']} structures with the recipe "
        f"`{training['recipe']['name']}`, seed {training['seed']}; {_kept(training)}.\n"
        + _forgetting(results)
        + "".join(
            f"\nThe data have a finding that was allowed: {finding}.\n"
            for finding in training["data"].get("allowed_findings", ())
        )
    )


def _forgetting(results: dict[str, Any]) -> str:
    """Return a paragraph on what the training changed far from its data."""
    found = results.get("forgetting")
    if not found:
        return ""
    text = forgetting_text(found)
    return f"\nFar from the training data ({found['source']}): {text}.\n"


def _kept(training: dict[str, Any]) -> str:
    """Return a phrase that says which epoch's weights were kept."""
    epoch = f"epoch {training['best_epoch']} of {training['epochs']} was"
    if training["recipe"].get("validation") == "trained-on":
        return f"{epoch} kept, without validation structures"
    if not keeps_best(training["recipe"]):
        return f"{epoch} kept, regardless of its error on validation structures"
    n_validation = training["data"]["n_validation"]
    return f"{epoch} the best by the force error on {n_validation} validation structures"


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
