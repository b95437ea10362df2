"""Replay: each step also sees structures labelled by the model that the training starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from hub.datasets.loading import load_dataset, read_files_or_dataset
from hub.errors import DataError
from hub.evaluation.overlap_source import dataset_of_model
from hub.potentials.batches import batches_by_edges, collate, predict
from hub.structures.graphs import build_graphs
from hub.structures.neighbours import NeighbourLists
from hub.structures.perturbing import strained_and_rattled
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.library import OpenedVersion
    from hub.potentials.potential import Potential
    from hub.structures import StructureSet
    from hub.structures.graphs import Graph
    from hub.training.loader import Batches, GraphLoader
    from hub.training.reporter import Reporter

_MOST = 200  # structures to replay
_MAX_FORCE = 50.0  # eV/Å; a start says nothing reliable about atoms that nearly touch


class ReplayLoader:
    """Add labelled structures to each batch of a training.

    Parameters
    ----------
    own
        The training structures.
    replayed
        Labelled by the start, on the device of the potential.
    seed
        Random seed of their order.
    ratio
        How many to add for each training structure.
    """

    def __init__(self, own: GraphLoader, replayed: GraphLoader, seed: int, ratio: int = 1) -> None:
        self.own, self.replayed, self.seed, self.ratio = own, replayed, seed, ratio

    def __len__(self) -> int:
        return len(self.own)

    def batches(self, epoch: int, size: int, start: int = 0) -> Batches:
        """Give each batch as `Loader.batches` says."""
        per_epoch, added = -(-len(self) // size), self.ratio * size
        for step, parts in enumerate(
            self.own.batches(epoch, size, start), epoch * per_epoch + start
        ):
            wanted = range(step * added, (step + 1) * added)
            graphs = [self._at(place) for place in wanted]
            yield [*parts, *map(collate, batches_by_edges(graphs, self.own.max_edges))]

    def _at(self, place: int) -> Graph:
        """Return the graph at a place of an endless sequence, in which each pass is shuffled."""
        graphs = self.replayed.graphs
        number, within = divmod(place, len(graphs))
        order = np.random.default_rng((self.seed, number)).permutation(len(graphs))
        return graphs[int(order[within])]


def structures_to_replay(
    given: str, parent: OpenedVersion, train: StructureSet, seed: int, reporter: Reporter
) -> tuple[StructureSet, str]:
    """Return structures without their labels, and a note of where they come from.

    Parameters
    ----------
    given
        Files or a dataset. If empty, the structures are the start's own pre-training structures if
        they can be pulled, else made around the training structures.
    parent
        The model that the training starts from.
    train
        The training structures.
    seed
        Random seed of what is drawn or made.
    reporter
        Receives progress.

    Raises
    ------
    DataError
        If `given` cannot be read.
    """
    rng = np.random.default_rng((seed, 1))
    if given:
        read = read_files_or_dataset(
            [given], progress=reporter.counting("reading"), require_labels=False
        )
        found, source = read.structures, given
    else:
        pulled, source = _pretraining_structures(parent, seed, reporter)
        if pulled is None:
            made = strained_and_rattled(train, _MOST, rng)
            how = f"replaying {len(made)} structures made around the training data"
            return made, f"{how}, since {source}"
        found = pulled
    chosen = np.sort(rng.permutation(len(found))[:_MOST])
    return found.select(chosen), f"replaying {len(chosen)} structures of {source}"


def _pretraining_structures(
    parent: OpenedVersion, seed: int, reporter: Reporter
) -> tuple[StructureSet | None, str]:
    """Return a sample of a model's pre-training set and its name, or None and why there is none."""
    try:
        name = dataset_of_model(parent.path, "the model")
        progress = reporter.counting("pulling structures to replay")
        return load_dataset(name, "", sample=_MOST, seed=seed, progress=progress), name
    except RegistryError as problem:  # of ours and of the registry
        return None, problem.message


def labelled_by(
    potential: Potential, structures: StructureSet, *, stresses: bool, reporter: Reporter
) -> Sequence[Graph]:
    """Return graphs labelled by a potential, without those in which a force is absurd.

    Raises
    ------
    DataError
        If none is left.
    IncompatibleModelError
        If a structure contains an element that the model does not cover.
    """
    lists = NeighbourLists(structures, potential.cutoff)
    graphs = [graph.to(potential.device) for graph in build_graphs(lists, potential.elements)]
    found = predict(potential, graphs, reporter.counting("labelling structures to replay"))
    labelled = []
    for index, graph in enumerate(graphs):
        forces = torch.from_numpy(found.forces[index]).to(graph.forces)
        if not forces.abs().max() < _MAX_FORCE:
            continue
        stress = torch.full_like(graph.stress, torch.nan)
        if stresses and structures.pbc[index].all():
            stress = torch.from_numpy(found.stresses[index]).to(graph.stress)
        energy = torch.tensor(found.energies[index]).to(graph.energy)
        labelled.append(replace(graph, energy=energy, forces=forces, stress=stress))
    if not labelled:
        raise DataError(
            f"in all structures to replay, the model predicts forces above {_MAX_FORCE:g} eV/Å",
            "Name other structures with --method replay:DATA.",
        )
    return labelled
