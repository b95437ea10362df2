"""``hub learning-curve``: what a start is worth, for few and for many structures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hub.cli import output
from hub.cli.arguments import (
    batch_size_option,
    complete_names,
    device_option,
    epochs_option,
    json_option,
    label_options,
    learning_rate_option,
    recipe_option,
)
from hub.cli.pool_options import chosen_pool, pool_options
from hub.cli.progress import progress_bar


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Read whole numbers above zero with commas between them."""
    words = [word.strip() for word in value.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise click.BadParameter(f"{value!r} is not numbers such as 10,25,50", context, parameter)
    return [int(word) for word in words]


@click.command(name="learning-curve", short_help="Compare what to start from, on growing data.")
@click.option(
    "--data", multiple=True, required=True, metavar="FILE", help="Files, or the name of a dataset."
)
@click.option("--labels", default="", metavar="NAME", help="Of a dataset, the label set.")
@click.option("--test", multiple=True, metavar="FILE", help="Held-out structures.  [a fifth]")
@click.option(
    "--start",
    "starts",
    multiple=True,
    required=True,
    metavar="MODEL",
    shell_complete=complete_names,
    help="A model; auto=MODEL, carried to the elements of the data; scratch; or scratch=MODEL, for "
    "its architecture. Repeat it.",
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
    help="Trainings of each size.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new folder."
)
@recipe_option
@epochs_option
@learning_rate_option
@batch_size_option
@pool_options("Trainings at a time, each in one thread.  [default: one, in all threads]")
@device_option
@label_options
@click.option("--resume", is_flag=True, help="Go on in DIR; finished trainings are kept.")
@json_option
def command(
    starts: tuple[str, ...],
    sizes: list[int],
    seeds: int,
    out: Path,
    jobs: int | None,
    dask: str | None,
    slurm: dict[str, Any] | None,
    resume: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Train from every start, on every number of structures, with every seed; compare the errors.

    All are judged by the same test set. Of one seed, more structures include the fewer. DIR gets a
    run folder of each training, learning_curve.md, .csv and .png. Killed at any moment, the same
    command with --resume goes on; it may also add starts, sizes or seeds.
    """
    from hub.cli.curve_output import CurveOutput
    from hub.devices import keep_freed_memory
    from hub.evaluation.curve_plot import FILE_NAME, curve_plot
    from hub.evaluation.curve_table import curve_table, point_row, write_tables
    from hub.evaluation.learning_curve import learning_curve
    from hub.training.job import Job

    keep_freed_memory()
    try:
        with progress_bar("training") as move:
            points = learning_curve(
                Job(max_epochs=given.pop("epochs"), **given), starts, sizes, seeds, out,
                resume=resume, pool=chosen_pool(jobs, dask, slurm), reporter=CurveOutput(move),
            )  # fmt: skip
    except KeyboardInterrupt:
        output.message("go on with the same command and --resume")
        raise
    write_tables(out, points)
    curve_plot(out / FILE_NAME, points)
    if as_json:
        output.result_json({"folder": str(out), "points": [point_row(point) for point in points]})
    else:
        output.result_table(*curve_table(points))
    output.message(f"table: {out / 'learning_curve.md'}; plot: {out / FILE_NAME}")
