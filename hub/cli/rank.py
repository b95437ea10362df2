"""``hub rank``: find the foundation model that fits some data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hub.cli import output
from hub.cli.architecture_options import architecture_options
from hub.cli.arguments import (
    allow_option,
    complete_names,
    dataset_labels_option,
    json_option,
    label_options,
    n_train_option,
    required_data_option,
    seed_option,
    test_option,
)
from hub.cli.progress import progress_bar


@click.command(name="rank")
@required_data_option
@dataset_labels_option
@test_option
@n_train_option
@click.option(
    "--model",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_names,
    show_default="all that cover the elements",
    help="Model or teacher to rank (repeatable).",
)
@click.option(
    "--sample",
    type=click.IntRange(min=6),
    default=100,
    show_default=True,
    metavar="N",
    help="Maximum number of structures to compare on (random subset).",
)
@seed_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for tables, a plot, and what is needed to resume.",
)
@click.option(
    "--alchemical/--no-alchemical",
    default=True,
    show_default=True,
    help="For data of one element, also try models transferred from another element.",
)
@architecture_options(layers=2, cutoff=5)
@label_options
@allow_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="one for each core",
    help="Number of parallel training runs, each with one thread.",
)
@click.option("--resume", is_flag=True, help="Resume in the folder --out.")
@json_option
def command(out: Path | None, as_json: bool, **given: Any) -> None:
    """Rank foundation models on your own labelled structures, and recommend what to do.

    Compares each model, unchanged except for an energy shift per element, to a small model trained
    from scratch on the same structures (cross-validated). Test structures are not used. Writes
    ranking.md, .json and .png to DIR. If killed, resume with the same command and --resume.
    """
    from hub.studies.rank import rank
    from hub.studies.rank_table import PLOT_NAME, TABLE_NAME, failures, rank_table

    with progress_bar("models") as progress:
        ranking = rank(out=out, progress=progress, report=output.message, **given)
    if as_json:
        output.result_json(ranking.to_json())
        return
    output.message(f"errors on {ranking.n_structures} structures, excluding the test set:")
    output.result_table(*rank_table(ranking.rows))
    for line in failures(ranking.rows):
        output.result(line)
    output.result("")
    output.result(f"recommended: {ranking.advice.reason}")
    for each in ranking.advice.commands:
        output.result(f"  {each}")
    if out is not None:
        output.message(f"table: {out / TABLE_NAME}; plot: {out / PLOT_NAME}")
