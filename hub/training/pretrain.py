"""Pre-training on a dataset with synthetic labels, in a run folder."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.datasets.layout import label_array
from hub.errors import TrainingError
from hub.potentials.architectures import architecture_settings, new_config
from hub.potentials.building import random_model, shift_energies
from hub.structures.graphs import average_neighbors, build_graphs
from hub.training import run_files, run_folder
from hub.training.job import PretrainJob
from hub.training.loader import GraphLoader, StreamLoader
from hub.training.methods.full import Full
from hub.training.preparation import Preparation, require_labels
from hub.training.pretrain_data import dataset_of, read_dataset
from hub.training.process_group import ALONE
from hub.training.recipe import Recipe
from hub.training.reporter import Reporter
from hub.training.run import train
from registry.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from hub.training.loader import Loader
    from hub.training.process_group import ProcessGroup


def pretrain(
    data: str | Path = "",
    labels: str = "",
    *,
    n_train: int | None = None,
    where: str | None = None,
    held_out: int = 200,
    max_force: float = 50.0,
    model_config: str | Path | Mapping[str, Any] | None = None,
    layers: int | None = None,
    features: int | None = None,
    l_max: int | None = None,
    parity: bool | None = None,
    cutoff: float | None = None,
    out: str | Path | None = None,
    recipe: str = "default",
    epochs: int | None = None,
    max_hours: float | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    reporter: Reporter | None = None,
    group: ProcessGroup = ALONE,
) -> tuple[Path, dict[str, Any]]:
    """Train a model with random weights on the labels of a dataset.

    Whole trajectories, identified by the column ``run_id``, are held out for validation and test.

    Parameters
    ----------
    data
        A dataset: a reference or a directory; or a file of labelled structures.
    labels
        Its label set to learn; the only one if empty.
    n_train
        Number of training structures, drawn evenly from the trajectories; all that are not held out
        if None.
    where
        Train only on structures that meet this condition on columns, such as ``density > 2``.
    held_out
        Maximum number of structures for validation, and for testing.
    max_force
        Leave out structures with a larger force, in eV/Å.
    model_config
        Settings of the architecture, or a JSON file of them; ``architecture`` is its name.
    layers, features, l_max, parity, cutoff
        Override these settings if not None: interaction blocks, channels, highest rotation order,
        whether to include features of odd parity, and cutoff radius in Å.
    out
        A new run folder; ``runs/<name of the dataset>`` if None.
    recipe
        ``default`` or ``paper``.
    epochs, max_hours, learning_rate, batch_size
        Override the recipe if not None.
    seed
        Random seed of the split, the order of the structures and initial weights.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
    resume
        Resume the run in `out` with its own settings; no others may be given.
    reporter
        Receives progress.
    group
        The processes that train together; the first one writes the folder.

    Returns
    -------
    folder, results
        The run folder, and the content of its ``results.json``.

    Raises
    ------
    DataError
        If there is no such label set, a check finds an error, or there are too few structures.
    TrainingError
        If the architecture or the folder cannot be used, or the loss does not stay finite.
    """
    place = None if out is None else user_path(out)
    job = PretrainJob(
        data=str(data),
        labels=labels,
        n=n_train,
        where=where,
        held_out=held_out,
        max_force=max_force,
        architecture=architecture_settings(
            model_config,
            layers=layers,
            features=features,
            l_max=l_max,
            parity=parity,
            cutoff=cutoff,
        ),
        recipe=recipe,
        max_epochs=epochs,
        max_hours=max_hours,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
        device=device,
    )
    if resume:
        folder = job.to_resume(place)
        return folder, resume_pretraining(folder, reporter, group)
    if not job.data:
        raise TrainingError("no data given", hint="Give a dataset or its directory.")
    return start_pretraining(job, place, reporter, group)


def start_pretraining(
    job: PretrainJob,
    out: Path | None = None,
    reporter: Reporter | None = None,
    group: ProcessGroup = ALONE,
) -> tuple[Path, dict[str, Any]]:
    """Run a job in a new run folder; see :func:`pretrain`.

    The first process of a group makes the folder and returns the results.
    """
    recipe, reporter = job.resolved_recipe(), reporter or Reporter()
    new_config(job.architecture, ("C",), "the architecture")
    if not group.is_first:
        folder = group.from_first(Path())
        return folder, _pretrain(folder, job, recipe, reporter, group)
    with run_folder.new_run_folder(out, (job.data,)) as folder:
        recipe.write(folder)
        job.write(folder)
        group.from_first(folder)
        return folder, _pretrain(folder, job, recipe, reporter, group)


def resume_pretraining(
    folder: Path, reporter: Reporter | None = None, group: ProcessGroup = ALONE
) -> dict[str, Any]:
    """Resume an interrupted pre-training, and return its results.

    Raises
    ------
    TrainingError
        If the folder is not a run folder or in use, or the data have changed.
    """
    job, recipe = PretrainJob.read(folder), Recipe.read(folder)
    with run_folder.locked(folder) if group.is_first else nullcontext():
        finished = run_files.read_results(folder)
        if finished is not None:
            return finished
        return _pretrain(folder, job, recipe, reporter or Reporter(), group)


def _pretrain(
    folder: Path, job: PretrainJob, recipe: Recipe, reporter: Reporter, group: ProcessGroup
) -> dict[str, Any]:
    reporter.opened(folder)
    data = group.from_first(dataset_of(job.data, folder) if group.is_first else "")
    job = replace(job, data=data)
    return train(folder, prepare_pretraining(job, recipe, reporter, group), reporter, group)


def prepare_pretraining(
    job: PretrainJob, recipe: Recipe, reporter: Reporter, group: ProcessGroup = ALONE
) -> Preparation:
    """Choose the structures and build the model.

    Raises
    ------
    DataError, TrainingError
        As :func:`pretrain` does.
    """
    cutoff = new_config(job.architecture, ("C",), "the architecture").r_max
    chosen = read_dataset(job, cutoff, reporter)
    train, validation, stream = chosen.train, chosen.validation, chosen.stream
    require_labels(train.structures, validation.structures)
    device = group.device(job.device)
    sets = (train, validation, chosen.test)
    elements = tuple(sorted({symbol for each in sets for symbol in each.structures.elements}))
    if stream is not None:
        elements = stream.elements
    graphs = build_graphs(train, elements, progress=reporter.counting("building graphs"))
    references = chosen.census.reference_energies()
    config = new_config(job.architecture, elements, "the architecture")
    force_scale, neighbours = chosen.census.force_scale, average_neighbors(graphs)
    potential = random_model(config, job.seed, force_scale, neighbours, device)
    structures = stream or train.structures
    shift_energies(potential, references, structures.sources)
    if stream is None:
        loader: Loader = GraphLoader(graphs, potential, job.seed, group)
    else:
        loader = StreamLoader(stream, potential, job.seed, group, _workers(device))
    has_stresses = bool(chosen.census.has_stress.any())
    return Preparation(
        recipe=recipe if has_stresses else recipe.with_changes(stress_weight=0.0),
        seed=job.seed,
        structures=structures,
        energy_key=label_array(chosen.origin["labels"]["name"], "energies"),
        forces_key=label_array(chosen.origin["labels"]["name"], "forces"),
        findings=chosen.findings,
        notes=(*chosen.notes, *references.notes),
        train=structures,
        validation=validation,
        test=chosen.test,
        test_is_given=False,
        loader=loader,
        validation_graphs=build_graphs(validation, elements),
        parent=None,
        potential=potential,
        reference_energies=references,
        shift=references,
        method=Full(potential),
        origin=chosen.origin,
    )


def _workers(device: torch.device) -> int:
    """Return the number of processes to build graphs, which is about as slow as a step on a GPU."""
    return 1 if device.type == "cpu" else 2
