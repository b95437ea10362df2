"""Finding the elements and scales with which a model fits labelled structures best."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hub.alchemy.lengths import scale_to
from hub.alchemy.transmutation import pair_elements
from hub.alchemy.trial import Prediction, Trial, predict_unscaled, unscaled_graphs
from hub.errors import AlchemyError
from hub.structures.graphs import average_neighbors
from hub.structures.reference_energies import isolated_atoms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.alchemy.transmutation import Pairs
    from hub.potentials.config import PotentialConfig
    from hub.potentials.potential import Potential
    from hub.structures.structure_set import StructureSet

AUTO = "auto"

_COARSE, _FINE = 0.02, 0.01  # steps, relative to the starting scale
_REACH = 5  # coarse steps to either side
_FARTHEST = 15  # coarse steps at most, if the best is at the edge
_MOST_ATOMS = 2000  # predicted for each scale
_MOST_PAIRINGS = 6
_STRANGE = 0.8  # unexplained part above which a model does not describe the data at all
_UNLIKE = 0.5  # the same, for forces alone
_DOUBTFUL = 0.65  # above which it describes them poorly
_CONTRADICTION = (
    "energies are inconsistent with the forces, e.g. because the phases of the elements differ: "
    "the scales are fitted to the forces only"
)
_CROWDED = 2.0  # neighbours per atom, relative to the model's average, that give a warning


@dataclass(frozen=True)
class Request:
    """The user's request: ``auto``, or a length scale, or both scales.

    Attributes
    ----------
    scale, energy_scale
        None if they should be found.
    pairs
        As written, e.g. ``C=Si``; found if empty.
    """

    scale: float | None = None
    energy_scale: float | None = None
    pairs: str = ""

    @classmethod
    def parse(cls, text: str, pairs: str = "") -> Self:
        """Parse ``auto``, ``1.52`` or ``1.52,0.25``.

        Raises
        ------
        AlchemyError
            If the text has another form.
        """
        if text == AUTO:
            return cls(pairs=pairs)
        try:
            numbers = [float(word) for word in text.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 2:
            raise AlchemyError(
                f"{text!r} is not a scale",
                "Give auto, a length scale, or length and energy scale: 1.52,0.25",
            )
        if not all(0 < number < np.inf for number in numbers):
            raise AlchemyError(f"scales must be positive numbers, got {text}")
        return cls(numbers[0], numbers[1] if len(numbers) == 2 else None, pairs)


@dataclass(frozen=True)
class Search:
    """The scales that were tried and the choice.

    Attributes
    ----------
    chosen
        The trial with the smallest unexplained part.
    trials
        All trials with the same elements, sorted by scale.
    neighbours
        Mean number of neighbours without scaling.
    warnings
        Warnings to the user about the result.
    """

    chosen: Trial
    trials: tuple[Trial, ...]
    neighbours: float
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "chosen": self.chosen.to_json(),
            "trials": [trial.to_json() for trial in self.trials],
            "neighbours": self.neighbours,
            "warnings": list(self.warnings),
        }


def search_transmutation(
    potential: Potential,
    structures: StructureSet,
    request: Request,
    progress: Callable[[int, int | None], None] | None = None,
) -> Search:
    """Find the elements and scales for transferring a model to labelled structures.

    Length scales are scanned around the ratio of first-neighbour distances, in steps of 2 %, then
    of 1 %. At each, the energy scale is fitted (see `hub.alchemy.trial`). If this explains almost
    nothing, only forces are fitted: dense silicon is a metal little above diamond in energy, dense
    carbon far above it, and yet a model of carbon describes the forces in diamond.

    Parameters
    ----------
    potential
        The potential to transfer; not changed.
    structures
        Training structures. Large sets are sampled; isolated atoms are ignored.
    request
        Scales and elements that are already known.
    progress
        Called with the number of scales tried.

    Raises
    ------
    AlchemyError
        If the element mapping is ambiguous, or the model does not describe such structures.
    """
    config = potential.config
    bonded = np.flatnonzero(~isolated_atoms(structures))
    if not len(bonded):
        raise _know_nothing(config, structures, "there are only isolated atoms")
    some = _draw(structures.select(bonded))

    @cache
    def predicted(pairs: Pairs, scale: float) -> Prediction | None:
        return predict_unscaled(potential, some, pairs, scale)

    pairings = _pairings(config.type_names, some.elements, request)
    starts = {pairs: request.scale or scale_to(some, pairs) for pairs in pairings}
    trials = _best(predicted, starts, request, progress)
    explained = trials and _chosen(trials).unexplained < _STRANGE
    forces_alone = request.scale is None and not explained
    if forces_alone:
        trials = _best(predicted, starts, request, progress, forces_alone=True)
    if not trials:
        raise _know_nothing(config, structures, "no positive energy scale fits")
    graphs = unscaled_graphs(config, some, _chosen(trials).transmutation.pairs, 1.0)
    neighbours = average_neighbors(graphs) if graphs else 0.0
    search = Search(_chosen(trials), tuple(trials), neighbours)
    warnings = _judge(search, config, structures, request, forces_alone=forces_alone)
    return replace(search, warnings=warnings)


def _best(
    predicted: Callable[[Pairs, float], Prediction | None],
    starts: dict[Pairs, float],
    request: Request,
    progress: Callable[[int, int | None], None] | None,
    *,
    forces_alone: bool = False,
) -> list[Trial]:
    """Return the trials of the pairing with the smallest unexplained part; none if none fits."""

    def scan(pairs: Pairs) -> list[Trial]:
        def attempt(scale: float) -> Trial | None:
            prediction = predicted(pairs, scale)
            if prediction is None:
                return None
            return prediction.trial(request.energy_scale, forces_alone=forces_alone)

        return _scan(attempt, starts[pairs], progress, around=request.scale is None)

    scans = [trials for trials in map(scan, starts) if trials]
    return min(scans, key=lambda trials: _chosen(trials).unexplained, default=[])


def _chosen(trials: Sequence[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.unexplained)


def _pairings(old: tuple[str, ...], new: tuple[str, ...], request: Request) -> list[Pairs]:
    """Return the requested mapping, or all mappings of types to the new elements."""
    if request.pairs or len(old) == len(new) == 1:
        return [pair_elements(old, new, request.pairs)]
    ways = list(permutations(old, len(new)))
    if not 0 < len(ways) <= _MOST_PAIRINGS:
        raise AlchemyError(
            f"the model has types for {', '.join(old)}, and the data contain {', '.join(new)}: "
            f"there are {len(ways) or 'no'} ways to assign each element its own type",
            "Give the mapping, e.g. --element-map " + ",".join(f"{old[0]}={each}" for each in new),
        )
    return [tuple(zip(way, new, strict=True)) for way in ways]


def _scan(
    attempt: Callable[[float], Trial | None],
    start: float,
    progress: Callable[[int, int | None], None] | None,
    *,
    around: bool,
) -> list[Trial]:
    """Try a scale, and those around it unless it was given by the user."""
    tried: dict[int, Trial | None] = {}

    def error(step: int) -> float:
        if step not in tried:
            tried[step] = attempt(start * (1 + step * _FINE))
            if progress:
                progress(len(tried), None)
        trial = tried[step]
        return np.inf if trial is None else trial.unexplained

    error(0)
    if around:
        stride = round(_COARSE / _FINE)
        coarse = range(-_REACH * stride, (_REACH + 1) * stride, stride)
        best = min(coarse, key=error)
        while abs(best) < _FARTHEST * stride and best in (min(tried), max(tried)):
            best = min(best - stride, best, best + stride, key=error)
        for step in range(best - stride + 1, best + stride):
            error(step)
    return [trial for _, trial in sorted(tried.items()) if trial is not None]


def _judge(
    search: Search,
    config: PotentialConfig,
    structures: StructureSet,
    request: Request,
    *,
    forces_alone: bool,
) -> tuple[str, ...]:
    """Return warnings about a poor fit, and refuse a hopeless one unless the scale was given."""
    chosen = search.chosen
    warnings = [_CONTRADICTION] if forces_alone else []
    found = (
        f"the correlation of the forces is only {chosen.agreement:.2f}"
        if forces_alone
        else f"{chosen.unexplained:.0%} of energies and forces remain unexplained"
    )
    scale, energy_scale = chosen.transmutation.scale, chosen.transmutation.energy_scale
    poor = f"at the best scales ({scale:.3f}, {energy_scale:.3f}) {found}"
    if request.scale is None and not chosen.unexplained < (_UNLIKE if forces_alone else _STRANGE):
        raise _know_nothing(config, structures, poor)
    if not chosen.unexplained < _DOUBTFUL:
        warnings.append(f"{poor}: the data may be outside the model's domain")
    scales = [trial.transmutation.scale for trial in search.trials]
    if len(scales) > 1 and scale in (scales[0], scales[-1]):
        warnings.append(f"the best scale, {scale:.3f}, is at the edge of the range searched")
    if chosen.neighbours > _CROWDED * config.avg_num_neighbors:
        warnings.append(
            f"atoms have {chosen.neighbours:.0f} neighbours within the scaled cutoff, but the "
            f"model was made for {config.avg_num_neighbors:.0f}: training will take longer"
        )
    return tuple(warnings)


def _know_nothing(config: PotentialConfig, structures: StructureSet, reason: str) -> AlchemyError:
    return AlchemyError(
        f"a model of {', '.join(config.type_names)} does not describe these structures of "
        f"{', '.join(structures.elements)}: {reason}",
        "Start from another model, or train --from-scratch. To try anyway, give the scales: "
        "--alchemical SCALE,ENERGY_SCALE",
    )


def _draw(structures: StructureSet) -> StructureSet:
    """Return a fixed random sample of structures with a limited total number of atoms."""
    order = np.random.default_rng(0).permutation(len(structures))
    kept = np.cumsum(structures.n_atoms[order]) <= _MOST_ATOMS
    kept[0] = True
    return structures.select(np.sort(order[kept]))
