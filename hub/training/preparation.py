"""From a job to everything that training needs: data, split, model, energy zero."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hub.alchemy.models import transmute_model
from hub.devices import choose_device
from hub.errors import DataError, TrainingError
from hub.library import open_model
from hub.models.architecture import build_model
from hub.models.checkpoint import (
    WEIGHTS_NAME,
    energy_shifts,
    read_model,
    set_energy_scales,
    set_energy_shifts,
)
from hub.models.config import ModelConfig, read_config
from hub.models.prediction import predict
from hub.models.tensor_product import accelerate
from hub.structures import read_structures
from hub.structures.checks import check_structures
from hub.structures.graphs import Graph, average_neighbors, build_graphs
from hub.structures.reference_energies import (
    ReferenceEnergies,
    fit_energy_shift,
    fit_reference_energies,
)
from hub.structures.splits import Split, split_structures
from hub.training.alchemy import find_transmutation, requested
from registry.files import sha256_of

if TYPE_CHECKING:
    from hub.alchemy.search import Search
    from hub.library import OpenedVersion
    from hub.structures import ReadResult, StructureSet
    from hub.structures.checks import Finding
    from hub.training.job import Job
    from hub.training.recipe import Recipe
    from hub.training.reporter import Reporter

DEFAULT_CUTOFF = 4.0  # Å, that of the published checkpoints
_DTYPE = torch.float32


@dataclass(frozen=True)
class Data:
    """What was read, checked and held out.

    Attributes
    ----------
    read
        All structures of the data files, with the names of their labels.
    findings
        Warnings; errors have stopped the job before.
    test
        Held-out structures of another file; None if there is no such file.
    """

    read: ReadResult
    findings: tuple[Finding, ...]
    test: StructureSet | None


@dataclass(frozen=True)
class Preparation:
    """A training that can start.

    Attributes
    ----------
    model
        On the device, with the energy zero of the data; checked against its stored predictions.
    train, validation, test
        Structure sets; `test` may be empty.
    parent
        Where the model came from; None for random weights.
    reference_energies
        Those of the training data, for people.
    shift
        What is added to the model's energies per atom of each element.
    seed
        Decides the split, the order of the structures and random weights.
    origin
        Of structures that were chosen from a dataset: which, and how.
    search
        How the model was carried to the elements of the data, if it was.
    """

    recipe: Recipe
    data: Data
    split: Split
    train: StructureSet
    validation: StructureSet
    test: StructureSet
    train_graphs: list[Graph]
    validation_graphs: list[Graph]
    parent: OpenedVersion | None
    model: torch.nn.Module
    config: ModelConfig
    reference_energies: ReferenceEnergies
    shift: ReferenceEnergies
    device: torch.device
    seed: int
    origin: dict[str, Any] = field(default_factory=dict)
    search: Search | None = None

    @property
    def from_scratch(self) -> bool:
        """Whether the weights are random at first."""
        return self.parent is None

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.train_graphs) // self.recipe.batch_size)

    def input_digests(self) -> dict[str, str]:
        """Return a sha256 of all that the result depends on besides the recipe, by its name."""
        digests = {
            "training data": self.train.digest(),
            "validation data": self.validation.digest(),
            "test data": self.test.digest(),
        }
        if self.parent is not None:
            digests["model"] = sha256_of(self.parent.path / WEIGHTS_NAME)
        return digests


def read_data(job: Job, reporter: Reporter) -> Data:
    """Read and check a job's files.

    Raises
    ------
    DataError
        If they cannot be read, or a check finds an error.
    """
    config = _architecture(job)
    read = _read(job, reporter)
    test = None
    if job.test:
        keys = (job.energy_key, job.forces_key)
        test = read_structures(
            job.test, *keys, reporter.counting("reading the test set")
        ).structures
    elements = config.type_names if config is not None else None
    cutoff = config.r_max if config is not None else DEFAULT_CUTOFF
    findings = check_structures(read.structures, elements, cutoff, reporter.counting("checking"))
    stop_on_errors(read.structures, findings)
    if test is not None:
        known = elements or read.structures.elements
        stop_on_errors(test, check_structures(test, known, cutoff))
    return Data(read, tuple(findings), test)


def _read(job: Job, reporter: Reporter) -> ReadResult:
    """Read the files, or the label set of a dataset."""
    progress = reporter.counting("reading")
    if not job.labels:
        return read_structures(job.data, job.energy_key, job.forces_key, progress)
    if len(job.data) > 1:
        raise DataError(
            f"--labels needs one dataset, not {len(job.data)}", "Train on one after the other."
        )
    from hub.datasets.loading import load_structures

    return load_structures(job.data[0], job.labels, progress)


def _architecture(job: Job) -> ModelConfig | None:
    """Return the configuration to start with; None if it follows from the data."""
    if job.alchemical or (job.from_scratch and not job.model):
        return None
    return read_config(open_model(job.model).path)


def stop_on_errors(structures: StructureSet, findings: list[Finding]) -> None:
    """Raise `DataError` for the findings of :func:`check_structures` that are errors."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return
    lines = []
    for finding in errors:
        where = ", ".join(structures.where(index) for index in finding.structures[:3])
        lines.append(f"{finding.code}: {finding.message}" + (f" ({where})" if where else ""))
    raise DataError(
        f"{', '.join(structures.sources[:3])} cannot be trained on:\n  " + "\n  ".join(lines),
        errors[0].advice + " `hub check` lists every structure concerned.",
    )


def hold_out_test(data: Data, job: Job) -> Data:
    """Fix the test set before several seeds draw their own training sets from the rest."""
    structures = data.read.structures
    if data.test is not None:
        return data
    split = split_structures(structures, job.n_train, seed=job.seed)
    held_out = split.test
    if not len(held_out):
        return data
    if not (structures.split_labels[held_out] == "test").any():
        # Half of what one seed leaves over, so that the others draw from more than its own.
        shuffled = np.random.default_rng(job.seed).permutation(held_out)
        held_out = np.sort(shuffled[: len(held_out) // 2])
    others = np.setdiff1d(np.arange(len(structures)), held_out)
    read = replace(data.read, structures=structures.select(others))
    return Data(read, data.findings, structures.select(held_out))


def prepare(job: Job, recipe: Recipe, data: Data, folder: Path, reporter: Reporter) -> Preparation:
    """Split the data, load the model, check it, and give it the data's zero of energy.

    What takes long to find is kept in the run folder.

    Raises
    ------
    DataError
        If there are too few structures.
    ModelError
        If the model does not reproduce its stored predictions.
    TrainingError
        If energies or forces are missing altogether.
    AlchemyError
        If the model cannot be carried to the elements of the data.
    """
    structures = data.read.structures
    split = split_structures(structures, job.n_train, seed=job.seed, test=data.test)
    train, validation = structures.select(split.train), structures.select(split.validation)
    test = data.test if data.test is not None else structures.select(split.test)
    require_labels(train, validation)
    device = choose_device(job.device)
    if job.from_scratch:
        parent = search = None
        config = _architecture(job) or ModelConfig(
            type_names=structures.elements,
            r_max=DEFAULT_CUTOFF,
            avg_num_neighbors=1.0,
            energy_reference="",
        )
    else:
        parent = open_model(job.model)
        model, config = read_model(parent.path, dtype=_DTYPE, device=device)
        request = requested(job)
        search = request and find_transmutation(request, model, config, train, folder, reporter)
        if search:
            model, config = transmute_model(model, config, search.chosen.transmutation)
    graphs = reporter.counting("building graphs")
    train_graphs = build_graphs(train, config.type_names, config.r_max, graphs)
    validation_graphs = build_graphs(validation, config.type_names, config.r_max)
    references = fit_reference_energies(train)
    if job.from_scratch:
        shift = references
        model, config = random_model(config, job.seed, train, train_graphs, device)
    else:
        on_device = [graph.to(device) for graph in train_graphs]
        energies, _ = predict(model, on_device, reporter.counting("finding the energy shift"))
        shift = fit_energy_shift(train, energies.numpy())
    config = shift_energies(model, config, shift, train)
    return Preparation(
        recipe=recipe,
        data=data,
        split=split,
        train=train,
        validation=validation,
        test=test,
        train_graphs=train_graphs,
        validation_graphs=validation_graphs,
        parent=parent,
        model=model,
        config=config,
        reference_energies=references,
        shift=shift,
        device=device,
        seed=job.seed,
        search=search,
    )


def require_labels(train: StructureSet, validation: StructureSet) -> None:
    """Without forces on either side there is nothing to train on or to stop by."""
    for name, structures in (("training", train), ("validation", validation)):
        if not len(structures):
            raise TrainingError(f"the {name} set is empty", hint="Give more structures.")
        if np.isnan(structures.forces).all():
            raise TrainingError(
                f"no {name} structure has forces", hint="Name them with --forces-key."
            )


def random_model(
    config: ModelConfig,
    seed: int,
    train: StructureSet,
    graphs: list[Graph],
    device: torch.device,
) -> tuple[torch.nn.Module, ModelConfig]:
    """Build a model with random weights, on the scale of the training data.

    Its sums over neighbours are normalised by their average number, and its energies have the
    scale of the forces. Returned with the configuration that says so.
    """
    config = config.with_changes(avg_num_neighbors=average_neighbors(graphs))
    model = accelerate(build_model(config, seed=seed, dtype=_DTYPE))
    set_energy_scales(model, float(np.sqrt(np.nanmean(train.forces**2))))
    return model.to(device), config


def shift_energies(
    model: torch.nn.Module, config: ModelConfig, shift: ReferenceEnergies, train: StructureSet
) -> ModelConfig:
    """Give the model the data's zero of energy; elements that do not occur keep theirs.

    Returns the configuration that says so.
    """
    files = ", ".join(Path(name).name for name in train.sources)
    config = config.with_changes(energy_reference=f"that of the training data ({files})")
    shifts = energy_shifts(model, config)
    for symbol, value in shift.energies.items():
        shifts[symbol] += value
    set_energy_shifts(model, shifts, config)
    return config
