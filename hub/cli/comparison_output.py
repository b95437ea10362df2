"""Output of `hub evaluate` for two label sets."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from hub.cli import output
from hub.evaluation.metrics import error_table

if TYPE_CHECKING:
    from hub.evaluation.compare import Comparison
    from hub.evaluation.metrics import Errors


def print_comparison(compared: Comparison, *, as_json: bool) -> None:
    """Print a table of differences and the correlations, or JSON."""
    if as_json:
        output.result_json(_report(compared))
        return
    first, second = compared.labels
    shifts = ", ".join(
        f"{element} {value:+.4f}" for element, value in compared.shifts.energies.items()
    )
    output.message(f"{second} against {first}: {compared.dataset}")
    output.message(f"shifted: by {shifts} eV/atom, fitted to these structures")
    output.result_table(
        *error_table({"as they are": compared.errors, "shifted": compared.shifted_errors})
    )
    output.result(
        f"correlation: energies {compared.energy_correlation:.4f} (shifted, per atom), "
        f"forces {compared.force_correlation:.4f}"
    )


def _report(compared: Comparison) -> dict[str, Any]:
    return {
        "dataset": compared.dataset,
        "labels": list(compared.labels),
        "units": {"energy": "meV/atom", "forces": "eV/Å", "stress": "GPa"},
        "differences": _rows(compared.errors),
        "energy_shift_eV_per_atom": dict(compared.shifts.energies),
        "differences_shifted": _rows(compared.shifted_errors),
        "energy_correlation": _number(compared.energy_correlation),
        "force_correlation": _number(compared.force_correlation),
    }


def _rows(errors: dict[str, Errors]) -> dict[str, Any]:
    return {group: each.to_dict() for group, each in errors.items()}


def _number(value: float) -> float | None:
    return None if isnan(value) else round(value, 6)  # JSON has no NaN
