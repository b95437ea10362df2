"""``hub evaluate``: errors of models on labelled structures, or differences of label sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hub.cli import output
from hub.cli.arguments import (
    complete_names,
    device_option,
    dtype_option,
    json_option,
    label_options,
)
from hub.cli.progress import progress_bar, progress_bars

if TYPE_CHECKING:
    from hub.evaluation import Errors
    from hub.evaluation.models import Evaluation

_OF_COMPARISONS = {"names", "labels", "plot", "as_json"}


@click.command(name="evaluate", short_help="Measure models' errors, or compare label sets.")
@click.argument("names", metavar="MODEL...", nargs=-1, required=True, shell_complete=complete_names)
@click.option(
    "--data",
    metavar="FILE",
    multiple=True,
    help="Labelled structures (repeatable), a pattern in quotes, or a dataset.",
)
@click.option(
    "--labels",
    default="",
    metavar="NAME|A,B",
    help="Label set of a dataset; without --data, the two label sets to compare.",
)
@label_options
@device_option
@dtype_option
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write predictions.extxyz and parity.png to this directory (for several models, to a "
    "subfolder each).",
)
@click.option(
    "--plot",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Plot predictions against labels, all models in one figure.",
)
@json_option
def command(
    names: tuple[str, ...],
    data: tuple[str, ...],
    labels: str,
    plot: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure the errors of each MODEL, a name or a run folder, on DFT data.

    Errors are in meV/atom and eV/Å, those of stresses in GPa and meV/Å^3, over all structures and
    for each configuration type named in the files. If model and data use different zeros of
    energy, a shift per element is fitted and the errors are shown with and without it.

    hub evaluate DATASET --labels A,B compares two label sets of a dataset instead: the differences
    of B from A over the structures covered by both, with and without a fitted shift.
    """
    if not data:
        _compare(names, labels, plot, as_json=as_json)
        return
    from hub.evaluation import error_table
    from hub.evaluation.models import error_series, evaluate_models

    with progress_bars() as counting:
        found = evaluate_models(names, data, labels=labels, plot=plot, counting=counting, **given)
    if as_json:
        reports = [_report(each) for each in found]
        output.result_json(reports[0] if len(names) == 1 else {"models": reports})
        return
    _print_summary(found)
    output.result_table(*error_table(error_series(found)))
    if given["out"] is not None:
        output.message(f"predictions and plots are in {given['out']}")
    if plot is not None:
        output.message(f"plot: {plot}")


def _compare(names: tuple[str, ...], labels: str, plot: Path | None, *, as_json: bool) -> None:
    """Compare two label sets of a dataset."""
    from hub.cli.comparison_output import print_comparison
    from hub.evaluation.compare import compare_labels

    if not labels:
        raise click.UsageError(
            "Missing option '--data'; or '--labels A,B', to compare label sets of a dataset."
        )
    first, *others = labels.split(",")
    if len(others) != 1 or not (first and others[0]):
        raise click.UsageError(
            f"without --data, --labels takes two names such as ace,lcbop, got {labels!r}"
        )
    if len(names) > 1:
        raise click.UsageError("--labels A,B compares label sets of one dataset.")
    _require_options_of_comparisons()
    with progress_bar(f"pulling {names[0]}", in_bytes=True) as progress:
        compared = compare_labels(names[0], (first, others[0]), plot=plot, progress=progress)
    print_comparison(compared, as_json=as_json)
    if plot is not None and not as_json:
        output.message(f"plot: {plot}")


def _require_options_of_comparisons() -> None:
    """Refuse options that do not apply when label sets are compared."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in _OF_COMPARISONS:
            raise click.UsageError(f"{parameter.opts[0]} needs --data.")


def _report(found: Evaluation) -> dict[str, Any]:
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
    }


def _print_summary(found: list[Evaluation]) -> None:
    """Print models, data, labels, and notes on the zeros of energy."""
    read = found[0].data
    named = ((read.energy_key, "eV"), (read.forces_key, "eV/Å"))
    labels = [f"{name} ({unit})" for name, unit in named if name]
    labels += [f"stress from {key}" for key in read.stress_keys]
    lines = [
        *(f"model:   {each.model}" for each in found),
        f"data:    {len(read.structures)} structures in {', '.join(read.structures.sources)}",
        f"labels:  {', '.join(labels)}",
        *(f"note:    {note}" for note in read.notes),
    ]
    for each in found:
        lines += _shift_lines(each, f" of {each.name}" if len(found) > 1 else "")
    for line in lines:
        output.message(line)


def _shift_lines(found: Evaluation, of_model: str) -> list[str]:
    from hub.evaluation.models import AS_IT_IS, SHIFTED

    if found.shifts is None:
        return []
    shifts = found.shifts.energies.items()
    values = ", ".join(f"{symbol} {shift:+.4f}" for symbol, shift in shifts)
    return [
        f"warning: the zeros of energy of model and data differ{of_model}. Shifts fitted to these",
        f"         data, {values} eV/atom, explain most of the energy error.",
        f"         '{SHIFTED}' includes them, '{AS_IT_IS}' does not.",
        *(f"note:    {note}" for note in found.shifts.notes),
    ]
