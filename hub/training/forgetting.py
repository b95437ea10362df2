"""Forgetting: what a training changes of a model far from the training data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.loading import read_files_or_dataset
from hub.errors import IncompatibleModelError
from hub.evaluation.evaluate import align_energy_zero, evaluate
from hub.evaluation.metrics import measure_errors
from hub.library import front_matter_of
from hub.potentials.probe import probe_structures
from hub.structures import StructureSet
from hub.structures.neighbours import NeighbourLists
from hub.structures.perturbing import strained_and_rattled
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.library import OpenedVersion
    from hub.potentials.batches import Predictions
    from hub.potentials.potential import Potential
    from hub.training.reporter import Reporter

_PROBES = 40  # structures around the probes
_MAX_FORCE = 50.0  # eV/Å; predictions for atoms that nearly touch mean nothing


@dataclass(frozen=True)
class General:
    """Structures that a training does not see.

    Attributes
    ----------
    source
        Where they are from.
    lists
        Their neighbour lists at the cutoff of the potential.
    is_labelled
        Whether they have labels; else the start's own predictions are compared with.
    """

    source: str
    lists: NeighbourLists
    is_labelled: bool

    def predict(self, potential: Potential) -> Predictions:
        """Predict the structures."""
        return evaluate(potential, self.lists.structures, lists=self.lists)

    def compare(self, before: Predictions | None, after: Predictions) -> dict[str, Any]:
        """Return the errors, or the change of the predictions, for ``results.json``.

        The zeros of energy are aligned for each element.

        Returns
        -------
        The source and number of structures; with labels the errors (meV/atom and eV/Å) ``before``
        and ``after`` and the ``ratio`` of the latter to the former, else the ``drift``.
        """
        structures = self.lists.structures
        found: dict[str, Any] = {"source": self.source, "n_structures": len(structures)}
        if not self.is_labelled:
            if before is None:
                return {}
            kept = [np.abs(forces).max() < _MAX_FORCE for forces in before.forces]
            chosen = np.flatnonzero(kept)
            start = _with_labels(structures.select(chosen), before.select(chosen))
            drift = _errors(start, after.select(chosen))
            return found | {"n_structures": len(chosen), "drift": drift}
        found["after"] = _errors(structures, after)
        if before is None:
            return found
        found["before"] = _errors(structures, before)
        found["ratio"] = {
            name: round(value / found["before"][name], 4)
            for name, value in found["after"].items()
            if found["before"][name]
        }
        return found


def general_structures(
    given: Sequence[str],
    keys: tuple[str | None, str | None],
    parent: OpenedVersion | None,
    potential: Potential,
    reporter: Reporter,
) -> General | None:
    """Return the structures to measure forgetting on.

    Parameters
    ----------
    given
        Files of labelled structures, or a dataset. If empty, the set that the card of the start
        names as its ``general_set``; if there is none, structures around the model's probes.
    keys
        Names of energies and forces in the files; detected if None.
    parent
        The model that the training starts from; None for random weights.
    potential
        As the training starts from it.
    reporter
        Receives progress.

    Returns
    -------
    None if there is nothing to compare with: neither labels nor a start.

    Raises
    ------
    DataError
        If `given` cannot be read.
    IncompatibleModelError
        If they contain an element that the model does not cover.
    """
    if given:
        progress = reporter.counting("reading the general set")
        structures = read_files_or_dataset(given, "", *keys, progress).structures
        unknown = set(structures.elements) - set(potential.elements)
        if unknown:
            raise IncompatibleModelError(
                f"the model does not cover {', '.join(sorted(unknown))}, which occurs in --general",
                "Give general structures of the elements of the model.",
            )
        return General(", ".join(given), NeighbourLists(structures, potential.cutoff), True)
    if parent is None:
        return None
    named = _named_by_card(parent, potential)
    if named is not None:
        return named
    probes = StructureSet.from_atoms(probe_structures(potential.elements))
    made = strained_and_rattled(probes, _PROBES, np.random.default_rng(0))
    return General("around the probes", NeighbourLists(made, potential.cutoff), False)


def _named_by_card(parent: OpenedVersion, potential: Potential) -> General | None:
    """Return the general set that a card names, if it can be read and fits."""
    name = front_matter_of(parent.path).get("general_set")
    if not isinstance(name, str):
        return None
    try:
        structures = read_files_or_dataset([name]).structures
    except RegistryError:
        return None
    if not set(structures.elements) <= set(potential.elements):
        return None
    return General(name, NeighbourLists(structures, potential.cutoff), True)


def _errors(structures: StructureSet, predictions: Predictions) -> dict[str, float]:
    """Return the RMSE of energies (meV/atom) and forces (eV/Å), zeros of energy aligned."""
    if np.isfinite(structures.energies).any():
        _, predictions = align_energy_zero(structures, predictions)
    errors = measure_errors(structures, predictions)
    found = {"energy_rmse": errors.energy_rmse, "force_rmse": errors.force_rmse}
    return {name: round(value, 6) for name, value in found.items() if np.isfinite(value)}


def _with_labels(structures: StructureSet, predictions: Predictions) -> StructureSet:
    forces = np.concatenate([np.empty((0, 3)), *predictions.forces])
    return replace(structures, energies=predictions.energies, forces=forces)
