"""Prepare a training: split the data, open the model, and shift its energy zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hub.alchemy.models import transmute_model
from hub.devices import choose_device
from hub.errors import TrainingError
from hub.potentials.architectures import new_config, read_config
from hub.potentials.batches import predict
from hub.potentials.building import random_model, shift_energies
from hub.potentials.directory import WEIGHTS_NAME, read_model
from hub.structures.checks.energies import compare_energies
from hub.structures.checks.stresses import compare_stresses
from hub.structures.graphs import average_neighbors, build_graphs
from hub.structures.reference_energies import fit_energy_shift, fit_reference_energies
from hub.training.data import stop_on_errors
from hub.training.division import split_data
from hub.training.forgetting import general_structures
from hub.training.loader import GraphLoader
from hub.training.methods.choosing import REPLAY, Method
from hub.training.methods.replay import ReplayLoader, labelled_by, structures_to_replay
from hub.training.requests import find_transmutation
from registry.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.alchemy.search import Search
    from hub.datasets.streaming import Stream
    from hub.library import OpenedVersion
    from hub.potentials.potential import Potential
    from hub.structures import StructureSet
    from hub.structures.checks import Finding
    from hub.structures.graphs import Graph
    from hub.structures.neighbours import NeighbourLists
    from hub.structures.reference_energies import ReferenceEnergies
    from hub.structures.splits import Split
    from hub.training.data import Data
    from hub.training.folds import CrossValidation
    from hub.training.forgetting import General
    from hub.training.job import Job
    from hub.training.loader import Loader
    from hub.training.methods.full import Full
    from hub.training.recipe import Recipe
    from hub.training.reporter import Reporter


@dataclass(frozen=True)
class Preparation:
    """A training that is ready to start.

    Attributes
    ----------
    recipe, seed
        The seed determines the split, the order of the structures and random weights.
    structures
        All structures read for training, validation and, without a separate file, testing; for a
        stream, only the training structures.
    energy_key, forces_key
        Names of the labels in the data.
    findings
        Findings that do not stop the training.
    notes
        Notes to the user on labels, split and energies.
    train
        The training structures.
    validation, test
        Neighbour lists; `test` may be empty.
    test_is_given
        Whether the test structures come from a separate file.
    loader
        Yields the training structures.
    validation_graphs
        Labelled.
    parent
        The model to start from; None for random weights.
    potential
        On the device, with the energy zero of the data; checked against its stored predictions.
    reference_energies
        Of the training data, for information.
    shift
        Energy added to the model's energies for each atom of an element.
    method
        What the optimiser changes, with the potential.
    origin
        The dataset that the structures were chosen from, and how, if any.
    search
        How the model was transferred to the elements of the data, if it was.
    general
        Structures to measure forgetting on, if any.
    method_name
        The method as the user gave it.
    cross_validation
        How the length was chosen, if it was.
    """

    recipe: Recipe
    seed: int
    structures: StructureSet | Stream
    energy_key: str
    forces_key: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    train: StructureSet | Stream
    validation: NeighbourLists
    test: NeighbourLists
    test_is_given: bool
    loader: Loader
    validation_graphs: Sequence[Graph]
    parent: OpenedVersion | None
    potential: Potential
    reference_energies: ReferenceEnergies
    shift: ReferenceEnergies
    method: Full
    origin: dict[str, Any] = field(default_factory=dict)
    search: Search | None = None
    general: General | None = None
    method_name: str = "full"
    cross_validation: CrossValidation | None = None

    @property
    def from_scratch(self) -> bool:
        """Whether training starts from random weights."""
        return self.parent is None

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-len(self.loader) // self.recipe.batch_size)

    def input_digests(self) -> dict[str, str]:
        """Return the sha256 of everything, except the recipe, that the result depends on."""
        sets = {
            "training data": self.train,
            "validation data": self.validation.structures,
            "test data": self.test.structures,
        }
        stresses = self.recipe.stress_weight > 0
        digests = {name: each.digest(stresses=stresses) for name, each in sets.items()}
        if self.general is not None and self.general.is_labelled:
            digests["general data"] = self.general.lists.structures.digest()
        if self.parent is not None:
            digests["model"] = sha256_of(self.parent.path / WEIGHTS_NAME)
        return digests


def starting_model(job: Job, data: Data) -> Potential | None:
    """Open the model to start from, checked against its stored predictions; None from scratch.

    Raises
    ------
    ModelError
        If it does not reproduce them.
    """
    if job.from_scratch or data.parent is None:
        return None
    return read_model(data.parent.path, dtype=torch.float32, device=choose_device(job.device))


def prepare(
    job: Job,
    recipe: Recipe,
    data: Data,
    potential: Potential | None,
    folder: Path,
    reporter: Reporter,
    split: Split | None = None,
) -> Preparation:
    """Split the data, and shift the model to the data's zero of energy.

    Results that take long to compute are kept in the run folder.

    Parameters
    ----------
    job, recipe, data
        The job, its recipe and its data.
    potential
        To start from, changed in place; None for random weights.
    folder
        The run folder.
    reporter
        Receives progress.
    split
        The training, validation and test structures; those that the job's seed draws if None.

    Raises
    ------
    DataError
        If there are too few structures.
    TrainingError
        If energies or forces are missing altogether, or the model lacks what the method needs.
    AlchemyError
        If the model cannot be transferred to the elements of the data.
    """
    split = split or split_data(job, recipe, data)
    train, validation = data.lists.select(split.train), data.lists.select(split.validation)
    test = data.test or data.lists.select(split.test)
    structures = train.structures
    require_labels(structures, validation.structures if len(split.validation) else structures)
    search = None
    if potential is None:
        config = read_config(data.parent.path) if data.parent else None
        config = config or new_config(
            job.architecture, data.read.structures.elements, "the architecture"
        )
    else:
        search = find_transmutation(job, potential, structures, folder, reporter)
        if search:
            potential = transmute_model(potential, search.chosen.transmutation)
        config = potential.config
    train, validation, test = (each.within(config.r_max) for each in (train, validation, test))
    graphs = build_graphs(train, config.type_names, progress=reporter.counting("building graphs"))
    references = shift = fit_reference_energies(structures)
    if potential is None:
        device = choose_device(job.device)
        potential = random_model(
            config, job.seed, force_scale(structures), average_neighbors(graphs), device
        )
    findings, own = list(data.findings), GraphLoader(graphs, potential, job.seed)
    if not job.from_scratch:
        progress = reporter.counting("finding the energy shift")
        found = predict(potential, own.graphs, progress)
        shift = fit_energy_shift(structures, found.energies)
        stop_on_errors(structures, compare_stresses(structures, found.stresses), job.allow)
        findings += compare_energies(structures, found.energies)
    shift_energies(potential, shift, structures.sources)
    method = Method.parse(job.method)
    loader, replayed = _with_replay(own, method, potential, structures, job, data, reporter)
    return Preparation(
        recipe=recipe if structures.has_stress.any() else recipe.with_changes(stress_weight=0.0),
        seed=job.seed,
        structures=data.read.structures,
        energy_key=data.read.energy_key,
        forces_key=data.read.forces_key,
        findings=tuple(findings),
        notes=(*data.read.notes, *split.notes, *shift.notes, *replayed),
        train=structures,
        validation=validation,
        test=test,
        test_is_given=data.test is not None,
        loader=loader,
        validation_graphs=build_graphs(validation, config.type_names),
        parent=None if job.from_scratch else data.parent,
        potential=potential,
        reference_energies=references,
        shift=shift,
        method=method.build(potential, recipe.group_rates, job.seed),
        general=general_structures(
            job.general,
            (job.energy_key, job.forces_key),
            None if job.from_scratch else data.parent,
            potential,
            reporter,
        ),
        method_name=job.method,
        search=search,
    )


def _with_replay(
    own: GraphLoader,
    method: Method,
    potential: Potential,
    train: StructureSet,
    job: Job,
    data: Data,
    reporter: Reporter,
) -> tuple[Loader, list[str]]:
    """Add structures labelled by the start to each batch, if the method does; say from where."""
    if method.name != REPLAY or data.parent is None:
        return own, []
    chosen, note = structures_to_replay(method.setting, data.parent, train, job.seed, reporter)
    has_stress = bool(train.has_stress.any())
    labelled = labelled_by(potential, chosen, stresses=has_stress, reporter=reporter)
    replayed = GraphLoader(labelled, potential, job.seed)
    return ReplayLoader(own, replayed, job.seed, job.resolved_recipe().replayed), [note]


def force_scale(structures: StructureSet) -> float:
    """Return the root mean square of the force labels in eV/Å."""
    return float(np.sqrt(np.nanmean(structures.force_labels**2)))


def require_labels(train: StructureSet, validation: StructureSet) -> None:
    """Refuse training or validation sets that are empty or without forces."""
    for name, structures in (("training", train), ("validation", validation)):
        if not len(structures):
            raise TrainingError(f"the {name} set is empty", hint="Give more structures.")
        if np.isnan(structures.force_labels).all():
            raise TrainingError(
                f"no {name} structure has forces", hint="Name the forces with --forces-key."
            )
