"""``hub learning-curve``: compare starting points on few and many structures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hub.cli import output
from hub.cli.arguments import (
    batch_size_option,
    complete_names,
    dataset_labels_option,
    device_option,
    epochs_option,
    json_option,
    label_options,
    learning_rate_option,
    recipe_option,
    required_data_option,
)
from hub.cli.pool_options import pool_options
from hub.cli.progress import progress_bar


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Read comma-separated positive integers."""
    words = [word.strip() for word in value.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        message = f"expected positive integers such as 10,25,50, got {value!r}"
        raise click.BadParameter(message, context, parameter)
    return [int(word) for word in words]


@click.command(name="learning-curve")
@required_data_option
@dataset_labels_option
@click.option(
    "--test",
    multiple=True,
    metavar="FILE",
    show_default="a fifth of the data",
    help="Test structures (repeatable).",
)
@click.option(
    "--start",
    multiple=True,
    required=True,
    metavar="MODEL",
    shell_complete=complete_names,
    help="Model to start from (repeatable). auto=MODEL: transferred to the data's elements; "
    "scratch: random weights; scratch=MODEL: random weights with its architecture.",
)
@click.option(
    "--sizes",
    callback=_numbers,
    default="10,25,50,100,200",
    show_default=True,
    metavar="N,N",
    help="Numbers of training structures.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="K",
    help="Number of training runs for each start and size.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for all run folders, tables and the plot.",
)
@recipe_option
@epochs_option
@learning_rate_option
@batch_size_option
@pool_options("Number of parallel training runs, each with one thread.", "one, with all threads")
@device_option
@label_options
@click.option("--resume", is_flag=True, help="Resume in the folder --out; keep finished trainings.")
@click.option(
    "--paper",
    is_flag=True,
    help="Also show the errors of the paper on synthetic pre-training (carbon and silicon).",
)
@json_option
def command(out: Path, paper: bool, as_json: bool, **given: Any) -> None:
    """Train from each starting point, with each training set size and seed, and compare errors.

    All models are tested on the same structures. For one seed, larger training sets include the
    smaller ones. Writes learning_curve.md, .csv and .png and a folder for each run to DIR. If
    killed, resume with the same command and --resume; starts, sizes and seeds may be added.
    """
    from hub.cli.curve_output import CurveOutput, print_beside
    from hub.devices import keep_freed_memory
    from hub.studies.curve_plot import FILE_NAME
    from hub.studies.curve_table import curve_table, point_row
    from hub.studies.learning_curve import learning_curve
    from hub.studies.paper import beside_paper, data_elements, paper_source

    keep_freed_memory()
    try:
        with progress_bar("training") as move:
            points = learning_curve(out=out, paper=paper, reporter=CurveOutput(move), **given)
    except KeyboardInterrupt:
        output.message("resume with the same command and --resume")
        raise
    beside = beside_paper(points, data_elements(out)) if paper else []
    if as_json:
        report = {"folder": str(out), "points": [point_row(point) for point in points]}
        output.result_json(report | ({"paper": [asdict(each) for each in beside]} if paper else {}))
    else:
        output.result_table(*curve_table(points))
        print_beside(beside)
    if beside:
        output.message(f"the paper: {paper_source()}")
        output.message("note: the paper's data and test sets differ from these")
    elif paper:
        output.message("note: the paper has figures for data of carbon alone and silicon alone")
    output.message(f"table: {out / 'learning_curve.md'}; plot: {out / FILE_NAME}")
