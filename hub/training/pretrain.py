"""Pre-training: from a dataset with synthetic labels to a run folder."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.potentials.architectures import new_config
from hub.structures.graphs import build_graphs
from hub.structures.reference_energies import fit_reference_energies
from hub.training import run_files, run_folder
from hub.training.job_data import stop_on_errors
from hub.training.preparation import Preparation, random_model, require_labels, shift_energies
from hub.training.pretrain_data import read_dataset
from hub.training.pretrain_job import PretrainJob
from hub.training.process_group import ALONE
from hub.training.recipe import Recipe
from hub.training.reporter import Reporter
from hub.training.run import train

if TYPE_CHECKING:
    from hub.training.process_group import ProcessGroup


def pretrain(
    data: str | Path,
    labels: str = "",
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> tuple[Path, dict[str, Any]]:
    """Train a model with random weights on the labels of a dataset.

    Whole trajectories, by the dataset's column ``run_id``, are held out for validation and test.

    Parameters
    ----------
    data
        A reference, or the directory of a dataset.
    labels
        The label set to learn; the only one by default.
    out
        A new folder; by default ``runs/<name of the dataset>``.
    reporter
        Is told what happens.
    **settings
        Fields of :class:`hub.training.pretrain_job.PretrainJob`: ``n``, ``architecture`` ...

    Returns
    -------
    The run folder and its results, as in ``results.json``.

    Raises
    ------
    DataError
        If there is no such label set, a check finds an error, or there are too few structures.
    TrainingError
        If the architecture or the folder cannot be used, or the loss does not stay finite.
    """
    job = PretrainJob(str(data), labels, **settings)
    return start_pretraining(job, Path(out) if out is not None else None, reporter)


def start_pretraining(
    job: PretrainJob,
    out: Path | None = None,
    reporter: Reporter | None = None,
    group: ProcessGroup = ALONE,
) -> tuple[Path, dict[str, Any]]:
    """Do a job in a new run folder; see :func:`pretrain`.

    Of a group the first process has the folder and returns the results.
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
    """Go on with a pre-training that was stopped, and return its results.

    Raises
    ------
    TrainingError
        If the folder is no run folder, in use, or the data have changed.
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
    structures, split = chosen.data.read.structures, chosen.split
    stop_on_errors(structures, list(chosen.data.findings))
    train, validation = structures.select(split.train), structures.select(split.validation)
    require_labels(train, validation)
    device = group.device(job.device)
    elements = structures.elements
    graphs = build_graphs(train, elements, cutoff, reporter.counting("building graphs"))
    references = fit_reference_energies(train)
    config = new_config(job.architecture, elements, "the architecture")
    potential = random_model(config, job.seed, train, graphs, device)
    shift_energies(potential, references, train)
    return Preparation(
        recipe=recipe,
        data=chosen.data,
        split=split,
        train=train,
        validation=validation,
        test=structures.select(split.test),
        train_graphs=graphs,
        validation_graphs=build_graphs(validation, elements, cutoff),
        parent=None,
        potential=potential,
        reference_energies=references,
        shift=references,
        device=device,
        seed=job.seed,
        origin=chosen.origin,
    )
