"""From a job to everything that training needs: data, split, model, energy zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hub.alchemy.models import transmute_model
from hub.devices import choose_device
from hub.errors import TrainingError
from hub.library import open_model
from hub.potentials.architectures import new_config
from hub.potentials.building import build_potential
from hub.potentials.directory import WEIGHTS_NAME, read_model
from hub.potentials.prediction import predict
from hub.structures.graphs import Graph, average_neighbors, build_graphs
from hub.structures.reference_energies import (
    ReferenceEnergies,
    fit_energy_shift,
    fit_reference_energies,
)
from hub.structures.splits import Split, split_structures
from hub.training.alchemy import find_transmutation
from hub.training.job_data import starting_config
from registry.files import sha256_of

if TYPE_CHECKING:
    from hub.alchemy.search import Search
    from hub.library import OpenedVersion
    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Potential
    from hub.structures import StructureSet
    from hub.training.job import Job
    from hub.training.job_data import Data
    from hub.training.recipe import Recipe
    from hub.training.reporter import Reporter

_DTYPE = torch.float32


@dataclass(frozen=True)
class Preparation:
    """A training that can start.

    Attributes
    ----------
    potential
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
    potential: Potential
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
        config = starting_config(job) or new_config({}, structures.elements, "the architecture")
    else:
        parent = open_model(job.model)
        potential = read_model(parent.path, dtype=_DTYPE, device=device)
        search = find_transmutation(job, potential, train, folder, reporter)
        if search:
            potential = transmute_model(potential, search.chosen.transmutation)
        config = potential.config
    graphs = reporter.counting("building graphs")
    train_graphs = build_graphs(train, config.type_names, config.r_max, graphs)
    validation_graphs = build_graphs(validation, config.type_names, config.r_max)
    references = fit_reference_energies(train)
    if job.from_scratch:
        shift = references
        potential = random_model(config, job.seed, train, train_graphs, device)
    else:
        on_device = [graph.to(device) for graph in train_graphs]
        energies, _ = predict(potential, on_device, reporter.counting("finding the energy shift"))
        shift = fit_energy_shift(train, energies.numpy())
    shift_energies(potential, shift, train)
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
        potential=potential,
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
        if np.isnan(structures.force_labels).all():
            raise TrainingError(
                f"no {name} structure has forces", hint="Name them with --forces-key."
            )


def random_model(
    config: PotentialConfig,
    seed: int,
    train: StructureSet,
    graphs: list[Graph],
    device: torch.device,
) -> Potential:
    """Build a potential with random weights, on the scale of the training data.

    Its sums over neighbours are normalised by their average number, and its energies have the
    scale of the forces.
    """
    config = config.with_changes(avg_num_neighbors=average_neighbors(graphs))
    potential = build_potential(config, seed=seed, dtype=_DTYPE).accelerate()
    potential.set_energy_scales(float(np.sqrt(np.nanmean(train.force_labels**2))))
    return potential.to(device)


def shift_energies(potential: Potential, shift: ReferenceEnergies, train: StructureSet) -> None:
    """Give the potential the data's zero of energy; elements that do not occur keep theirs."""
    files = ", ".join(Path(name).name for name in train.sources)
    reference = f"that of the training data ({files})"
    potential.config = potential.config.with_changes(energy_reference=reference)
    shifts = potential.energy_shifts()
    for symbol, value in shift.energies.items():
        shifts[symbol] += value
    potential.set_energy_shifts(shifts)
