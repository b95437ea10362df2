"""Output of `hub evaluate` for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.cli import output
from hub.evaluation.metrics import error_table
from hub.evaluation.result import AS_IT_IS, SHIFTED, error_series
from hub.evaluation.tables import calibration_tables, detail_tables

if TYPE_CHECKING:
    from hub.evaluation import Errors
    from hub.evaluation.result import Evaluation


def print_evaluation(found: list[Evaluation], *, details: bool) -> None:
    """Print models and data, the table of errors, and with `details` further tables."""
    _print_summary(found)
    output.result_table(*error_table(error_series(found)))
    calibrations = calibration_tables(found)
    tables = [*detail_tables(found), *calibrations] if details else calibrations[:1]
    for table in tables:
        output.result("")
        output.result_table(*table)


def evaluation_report(found: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON, with all details."""

    def rows(errors: dict[str, Errors] | None) -> dict[str, Any] | None:
        return errors and {group: each.to_dict() for group, each in errors.items()}

    read = found.data
    return {
        "model": found.model,
        "files": list(read.structures.sources),
        "energy_key": read.energy_key,
        "forces_key": read.forces_key,
        "stress_keys": list(read.stress_keys),
        "notes": list(read.notes),
        "units": {"energy": "meV/atom", "forces": "eV/Å", "stress": "GPa"},
        "errors": rows(found.errors),
        "energy_shift_eV_per_atom": found.shifts.energies if found.shifts else None,
        "errors_shifted": rows(found.shifted_errors),
        "details": found.details.to_dict(),
        "calibration": {name: each.to_dict() for name, each in found.calibration.items()},
    }


def _print_summary(found: list[Evaluation]) -> None:
    """Print models, data, labels, and notes on the zeros of energy."""
    read = found[0].data
    named = ((read.energy_key, "eV"), (read.forces_key, "eV/Å"))
    labels = [f"{name} ({unit})" for name, unit in named if name]
    labels += [f"stress from {key}" for key in read.stress_keys]
    lines = [
        *(f"model:   {each.model}" for each in found if not each.members),
        f"data:    {len(read.structures)} structures in {', '.join(read.structures.sources)}",
        f"labels:  {', '.join(labels)}",
        *(f"note:    {note}" for note in read.notes),
    ]
    for each in found:
        lines += _shift_lines(each, f" for {each.name}" if len(found) > 1 else "")
    for line in lines:
        output.message(line)


def _shift_lines(found: Evaluation, of_model: str) -> list[str]:
    if found.shifts is None:
        return []
    shifts = found.shifts.energies.items()
    values = ", ".join(f"{symbol} {shift:+.4f}" for symbol, shift in shifts)
    return [
        f"warning: the reference energies of model and data differ{of_model}. Shifts fitted to",
        f"         these data, {values} eV/atom, explain most of the energy error.",
        f"         '{SHIFTED}' includes them, '{AS_IT_IS}' does not.",
        *(f"note:    {note}" for note in found.shifts.notes),
    ]
