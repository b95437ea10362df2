"""``hub pretrain``: train a model on synthetic labels, to fine-tune it later."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from hub.cli import output
from hub.cli.architecture_options import architecture_options
from hub.cli.arguments import (
    batch_size_option,
    complete_names,
    device_option,
    epochs_option,
    json_option,
    learning_rate_option,
    recipe_option,
    resume_run_option,
    run_folder_option,
    seed_option,
)


@click.command(name="pretrain")
@click.option(
    "--data",
    default="",
    metavar="NAME",
    shell_complete=complete_names,
    help="A dataset or its directory, or a file with energies and forces.",
)
@click.option(
    "--labels", default="", metavar="NAME", show_default="the only one", help="Label set to learn."
)
@click.option(
    "--n-train",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="all",
    help="Number of training structures (random subset).",
)
@click.option(
    "--where", metavar="CONDITION", help="Train only on these structures, e.g. 'density > 2'."
)
@click.option(
    "--held-out",
    type=click.IntRange(min=1),
    metavar="N",
    default=200,
    show_default=True,
    help="Maximum number of structures for validation, and for testing.",
)
@click.option(
    "--max-force",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    default=50.0,
    show_default=True,
    help="Leave out structures with a larger force (eV/Å).",
)
@architecture_options()
@run_folder_option
@recipe_option
@epochs_option
@click.option(
    "--max-hours",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Stop after the last epoch that fits, with the learning rate decayed to its final value.",
)
@learning_rate_option
@batch_size_option
@seed_option
@device_option
@resume_run_option
@json_option
def command(as_json: bool, **given: Any) -> None:
    """Train a new model on a label set of a dataset, to fine-tune it later.

    Whole trajectories, identified by the column run_id, are held out for validation and testing. If
    the run is killed, resume it with --out DIR --resume. On several GPUs or processes: torchrun
    --nproc-per-node 2 -m hub.cli.main pretrain ...
    """
    from hub.cli.training_output import TrainingOutput, print_results
    from hub.devices import keep_freed_memory
    from hub.training.pretrain import pretrain
    from hub.training.process_group import process_group
    from hub.training.reporter import Reporter

    if not (given["data"] or given["resume"]):
        raise click.UsageError("Missing option '--data'.")
    keep_freed_memory()
    with (
        process_group() as group,
        TrainingOutput() if group.is_first else nullcontext(Reporter()) as reporter,
    ):
        folder, results = pretrain(**given, reporter=reporter, group=group)
    if not group.is_first:
        return
    if as_json:
        output.result_json({"folder": str(folder), **results})
    else:
        print_results(folder, results)
