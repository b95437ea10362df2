"""The elements and scales with which a model fits labelled structures best, without training."""

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

_COARSE, _FINE = 0.02, 0.01  # steps, in parts of the scale that the search starts from
_REACH = 5  # coarse steps to either side
_FARTHEST = 15  # coarse steps at most, when the best is at the edge
_MOST_ATOMS = 2000  # that are predicted for each scale
_MOST_PAIRINGS = 6
_STRANGE = 0.8  # unexplained, from which on a model knows nothing of the data
_UNLIKE = 0.5  # the same, where forces are tried alone
_DOUBTFUL = 0.65  # and from which on it knows little
_CONTRADICTION = (
    "energies contradict the forces, as where phases differ between the elements: the scales are "
    "those of the forces alone"
)
_CROWDED = 2.0  # neighbours per atom, over those that a model was made for, worth a word


@dataclass(frozen=True)
class Request:
    """What a person asked for: ``auto``, or a length scale, or both scales.

    Attributes
    ----------
    scale, energy_scale
        None if to be found.
    pairs
        As written, such as ``C=Si``; found if empty.
    """

    scale: float | None = None
    energy_scale: float | None = None
    pairs: str = ""

    @classmethod
    def parse(cls, text: str, pairs: str = "") -> Self:
        """Read ``auto``, ``1.52`` or ``1.52,0.25``.

        Raises
        ------
        AlchemyError
            If it is neither.
        """
        if text == AUTO:
            return cls(pairs=pairs)
        try:
            numbers = [float(word) for word in text.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 2:
            raise AlchemyError(
                f"{text!r} is not a scale", "Write auto, a length scale, or both: 1.52,0.25"
            )
        if not all(0 < number < np.inf for number in numbers):
            raise AlchemyError(f"scales must be positive numbers, not {text}")
        return cls(numbers[0], numbers[1] if len(numbers) == 2 else None, pairs)


@dataclass(frozen=True)
class Search:
    """What was tried and chosen.

    Attributes
    ----------
    chosen
        The trial that leaves least unexplained.
    trials
        All of the same elements, by scale.
    neighbours
        Mean number that the model would see without scaling.
    warnings
        What a person should know before trusting it.
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
    """Find what to make of a model for the data at hand.

    The ratio of first-neighbour distances is where lengths are scanned from: in steps of 2 %, then
    of 1 %. At each the energy scale is fitted (see `hub.alchemy.trial`). Where that explains next
    to nothing, forces are tried alone: dense silicon is a metal little above diamond, dense carbon
    far above it, and yet a model of carbon knows the forces of diamond.

    Parameters
    ----------
    potential
        To be carried over; not changed.
    structures
        To be trained on. Of large sets some are drawn; isolated atoms tell nothing of lengths.
    request
        What is already known.
    progress
        Called with the number of scales tried.

    Raises
    ------
    AlchemyError
        If the elements leave several ways, or the model knows nothing of such structures.
    """
    config = potential.config
    bonded = np.flatnonzero(~isolated_atoms(structures))
    if not len(bonded):
        raise _know_nothing(config, structures, "there are isolated atoms only")
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
    """Return the trials of the pairing that leaves least unexplained; none if none fits."""

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
    """Return what may become what: as asked, or every way to give each new element its own type."""
    if request.pairs or len(old) == len(new) == 1:
        return [pair_elements(old, new, request.pairs)]
    ways = list(permutations(old, len(new)))
    if not 0 < len(ways) <= _MOST_PAIRINGS:
        raise AlchemyError(
            f"the model has types for {', '.join(old)}, and the data hold {', '.join(new)}: there "
            f"are {len(ways) or 'no'} ways to give each element a type of its own",
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
    """Try a scale, and those around it if it is not the one that was asked for."""
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
    """Say what is doubtful, and refuse what is hopeless unless it was asked for by number."""
    chosen = search.chosen
    warnings = [_CONTRADICTION] if forces_alone else []
    found = (
        f"forces correlate by {chosen.agreement:.2f}"
        if forces_alone
        else f"{chosen.unexplained:.0%} of energies and forces stay unexplained"
    )
    scale, energy_scale = chosen.transmutation.scale, chosen.transmutation.energy_scale
    poor = f"at the best scales ({scale:.3f}, {energy_scale:.3f}) {found}"
    if request.scale is None and not chosen.unexplained < (_UNLIKE if forces_alone else _STRANGE):
        raise _know_nothing(config, structures, poor)
    if not chosen.unexplained < _DOUBTFUL:
        warnings.append(f"{poor}: the data may be outside what the model knows")
    scales = [trial.transmutation.scale for trial in search.trials]
    if len(scales) > 1 and scale in (scales[0], scales[-1]):
        warnings.append(f"the best scale, {scale:.3f}, is the last that was tried")
    if chosen.neighbours > _CROWDED * config.avg_num_neighbors:
        warnings.append(
            f"atoms have {chosen.neighbours:.0f} neighbours within the scaled cutoff, and the "
            f"model was made for {config.avg_num_neighbors:.0f}: training takes longer"
        )
    return tuple(warnings)


def _know_nothing(config: PotentialConfig, structures: StructureSet, reason: str) -> AlchemyError:
    return AlchemyError(
        f"a model of {', '.join(config.type_names)} knows nothing of these structures of "
        f"{', '.join(structures.elements)}: {reason}",
        "Start from another model, or train --from-scratch. To try anyway, give the scales: "
        "--alchemical SCALE,ENERGY_SCALE",
    )


def _draw(structures: StructureSet) -> StructureSet:
    """Return as many structures as have few enough atoms, in an order of their own."""
    order = np.random.default_rng(0).permutation(len(structures))
    kept = np.cumsum(structures.n_atoms[order]) <= _MOST_ATOMS
    kept[0] = True
    return structures.select(np.sort(order[kept]))
