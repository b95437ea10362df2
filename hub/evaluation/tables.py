"""Tables of errors in detail and of calibrations, as headers and rows of text."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from hub.evaluation.metrics import number
from hub.evaluation.uncertainty import ENERGIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hub.evaluation.result import Evaluation

_MOST_COMPOSITIONS = 12  # rows of one model

Table = tuple[list[str], list[list[str]]]


def detail_tables(found: Sequence[Evaluation]) -> list[Table]:
    """Return tables of what can be measured: forces, energy differences, stresses.

    Each has one row for each group and model; a column names the model if there are several.
    """
    return [each for each in (_forces(found), _differences(found), _stresses(found)) if each[1]]


def calibration_tables(found: Sequence[Evaluation]) -> list[Table]:
    """Return a table of the calibrations of all committees, and of their coverages.

    Empty if there is no committee.
    """
    return [each for each in (_summary(found), _coverage(found)) if each[1]]


def _forces(found: Sequence[Evaluation]) -> Table:
    header = ["FORCES", "ATOMS", "RMSE", "MAE (eV/Å)", "MEAN COSINE"]
    return _by_group(
        found,
        header,
        lambda each: each.details.forces,
        lambda errors: [
            str(errors.n_atoms),
            number(errors.rmse, 3),
            number(errors.mae, 3),
            number(errors.cosine, 3),
        ],
    )


def _differences(found: Sequence[Evaluation]) -> Table:
    header = ["ENERGY DIFFERENCES", "STRUCTURES", "PAIRS", "RMSE", "MAE (meV/atom)"]
    table = _by_group(
        found,
        header,
        lambda each: dict(islice(each.details.differences.items(), _MOST_COMPOSITIONS)),
        lambda errors: [
            str(errors.n_structures),
            str(errors.n_pairs),
            number(errors.rmse, 1),
            number(errors.mae, 1),
        ],
    )
    more = max(len(each.details.differences) for each in found) - _MOST_COMPOSITIONS
    if more > 0:
        table[1].append([f"{more} more", *["" for _ in table[0][1:]]])
    return table


def _stresses(found: Sequence[Evaluation]) -> Table:
    header = ["STRESSES", "STRUCTURES", "PRESSURE RMSE", "BIAS", "DEVIATOR RMSE (GPa)"]
    return _by_group(
        found,
        header,
        lambda each: {"all": each.details.stresses} if each.details.stresses else {},
        lambda errors: [
            str(errors.n_structures),
            number(errors.pressure_rmse, 2),
            f"{errors.pressure_bias:+.2f}",
            number(errors.deviator_rmse, 2),
        ],
    )


def _summary(found: Sequence[Evaluation]) -> Table:
    header = ["SPREAD OF", "VALUES", "RMS ERROR", "RMS SPREAD", "CORRELATION", "SCALE"]
    return _by_group(
        found,
        header,
        lambda each: {_with_unit(name): (name, own) for name, own in each.calibration.items()},
        lambda named: [
            str(named[1].n),
            *_in_unit(named[0], named[1].rms_error, named[1].rms_spread),
            number(named[1].correlation, 2),
            number(named[1].scale, 2),
        ],
    )


def _coverage(found: Sequence[Evaluation]) -> Table:
    header = ["COVERAGE OF", "EXPECTED", "OBSERVED", "WITH SCALE"]
    return _by_group(
        found,
        header,
        lambda each: {
            f"{name}, {row.expected:.1%}": (name, row)
            for name, own in each.calibration.items()
            for row in own.coverage
        },
        lambda named: [
            f"{named[1].expected:.1%}",
            f"{named[1].observed:.1%}",
            f"{named[1].scaled:.1%}",
        ],
        lambda group: group.partition(",")[0],
    )


def _by_group(
    found: Sequence[Evaluation],
    header: Sequence[str],
    groups_of: Callable[[Evaluation], Mapping[str, Any]],
    cells: Callable[[Any], list[str]],
    shown: Callable[[str], str] = str,
) -> Table:
    """Return one row for each group and model; the groups are those of any model, in order."""
    several = len(found) > 1
    own = {each.name: groups_of(each) for each in found}
    rows = [
        [shown(group), *([name] if several else []), *cells(of_model[group])]
        for group in dict.fromkeys(group for of_model in own.values() for group in of_model)
        for name, of_model in own.items()
        if group in of_model
    ]
    return [header[0], *(["MODEL"] if several else []), *header[1:]], rows


def _with_unit(quantity: str) -> str:
    return f"{quantity} ({'meV/atom' if quantity == ENERGIES else 'eV/Å'})"


def _in_unit(quantity: str, *values: float) -> list[str]:
    """Format energies, in eV/atom, in meV/atom, and forces in eV/Å."""
    if quantity == ENERGIES:
        return [number(1000 * value, 1) for value in values]
    return [number(value, 3) for value in values]
