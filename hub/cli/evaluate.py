"""``hub evaluate``: errors of models on labelled structures, or differences of label sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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

_OF_COMPARISONS = {"names", "labels", "plot", "as_json"}


@click.command(name="evaluate")
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
@click.option(
    "--report",
    metavar="HTML",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one page with data, errors, plots, worst structures, lineage and citations.",
)
@click.option(
    "--committee",
    is_flag=True,
    help="Also evaluate the mean of the models, and how well their spread predicts its errors.",
)
@click.option(
    "--details",
    is_flag=True,
    help="Also print force errors by element and magnitude, and errors of energy differences.",
)
@json_option
def command(
    names: tuple[str, ...],
    data: tuple[str, ...],
    labels: str,
    plot: Path | None,
    report: Path | None,
    details: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure the errors of each MODEL, a name or a run folder, on DFT data.

    A single run folder is evaluated on its own test set if no --data is given.

    Errors are in meV/atom (energies), eV/Å (forces), and GPa and meV/Å^3 (stresses), for all
    structures and for each configuration type named in the files. If model and data use different
    reference energies, a shift per element is fitted and the errors are shown with and without it.

    hub evaluate DATASET --labels A,B compares two label sets of a dataset instead: the differences
    of B from A over the structures covered by both, with and without a fitted shift.
    """
    if labels and not data:
        _compare(names, labels, plot, as_json=as_json)
        return
    from hub.library import own_test_set

    if not (data or own_test_set(names)):
        raise click.UsageError(
            "Missing option '--data'; or '--labels A,B', to compare label sets of a dataset."
        )
    from hub.cli.evaluation_output import evaluation_report, print_evaluation
    from hub.evaluation.models import evaluate_models

    with progress_bars() as counting:
        found = evaluate_models(
            names, data or None, labels=labels, plot=plot, report=report, counting=counting, **given
        )
    if as_json:
        reports = [evaluation_report(each) for each in found]
        output.result_json(reports[0] if len(names) == 1 else {"models": reports})
        return
    print_evaluation(found, details=details)
    if given["out"] is not None:
        output.message(f"predictions and plots are in {given['out']}")
    if plot is not None:
        output.message(f"plot: {plot}")
    if report is not None:
        output.message(f"report: {report}")


def _compare(names: tuple[str, ...], labels: str, plot: Path | None, *, as_json: bool) -> None:
    """Compare two label sets of a dataset."""
    from hub.cli.comparison_output import print_comparison
    from hub.evaluation.compare import compare_labels

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
