"""``hub diff``: how far two label sets of a dataset are apart."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.evaluation import Errors
    from hub.evaluation.compare import Comparison

_AS_THEY_ARE, _SHIFTED = "as they are", "shifted"


@click.command(name="diff", short_help="Compare two label sets of a dataset.")
@click.argument("name", shell_complete=complete_names)
@click.option("--labels", metavar="A,B", required=True, help="The two label sets.")
@click.option(
    "--out",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the second against the first.",
)
@json_option
def command(name: str, labels: str, out: Path | None, as_json: bool) -> None:
    """Compare two label sets of NAME, a dataset or a directory that holds one.

    Prints root-mean-square and mean absolute differences of energies, forces and stresses over the
    structures that both cover. Where the two count energies from different zeros, the shift per
    element is fitted, and energies are compared both ways.
    """
    from hub.evaluation import error_table, errors_by_group, parity_plot
    from hub.evaluation.compare import compare_labels, open_for_comparison

    names = tuple(labels.split(","))
    if len(names) != 2 or not all(names):
        raise click.UsageError(f"--labels takes two names, such as ace,lcbop; not {labels!r}")
    first, second = names
    with progress_bar(f"pulling {name}", in_bytes=True) as progress:
        dataset = open_for_comparison(name, (first, second), progress=progress)
    compared = compare_labels(dataset, first, second)
    series = {_AS_THEY_ARE: compared.others, _SHIFTED: compared.shifted}
    errors = {key: errors_by_group(compared.structures, each) for key, each in series.items()}
    if out is not None:
        parity_plot(out, {f"{second} against {first}": compared.shifted}, compared.structures)
    if as_json:
        output.result_json(_report(dataset.name, first, second, compared, errors))
        return
    shifts = ", ".join(f"{element} {value:+.4f}" for element, value in _shifts(compared).items())
    output.message(f"{second} against {first}: {dataset.name}")
    output.message(f"shifted: by {shifts} eV/atom, fitted to these structures")
    output.result_table(*error_table(errors))
    output.result(
        f"correlation: energies {compared.energy_correlation:.4f} (shifted, per atom), "
        f"forces {compared.force_correlation:.4f}"
    )
    if out is not None:
        output.message(f"the plot is in {out}")


def _shifts(compared: Comparison) -> dict[str, float]:
    return dict(compared.shifts.energies)


def _report(
    name: str,
    first: str,
    second: str,
    compared: Comparison,
    errors: dict[str, dict[str, Errors]],
) -> dict[str, Any]:
    rows = {
        key: {group: each.to_dict() for group, each in groups.items()}
        for key, groups in errors.items()
    }
    return {
        "dataset": name,
        "labels": [first, second],
        "units": {"energy": "meV/atom", "forces": "eV/Å", "stress": "GPa"},
        "differences": rows[_AS_THEY_ARE],
        "energy_shift_eV_per_atom": _shifts(compared),
        "differences_shifted": rows[_SHIFTED],
        "energy_correlation": _number(compared.energy_correlation),
        "force_correlation": _number(compared.force_correlation),
    }


def _number(value: float) -> float | None:
    return None if isnan(value) else round(value, 6)  # JSON has no NaN
