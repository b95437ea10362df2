"""``hub finetune``: fine-tune a potential on a few DFT structures."""

from __future__ import annotations

from typing import Any

import click

from hub.cli import output
from hub.cli.architecture_options import architecture_options
from hub.cli.arguments import (
    allow_option,
    batch_size_option,
    complete_names,
    data_option,
    dataset_labels_option,
    device_option,
    epochs_option,
    json_option,
    label_options,
    learning_rate_option,
    n_train_option,
    recipe_option,
    resume_run_option,
    run_folder_option,
    seed_option,
    test_option,
)


@click.command(name="finetune")
@data_option
@dataset_labels_option
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=complete_names,
    show_default="c-ace-pretrained",
    help="Model to start from: a name, run folder or model directory.",
)
@test_option
@n_train_option
@run_folder_option
@recipe_option
@epochs_option
@learning_rate_option
@batch_size_option
@seed_option
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    metavar="K",
    help="Train K times with different seeds.",
)
@click.option(
    "--keep",
    type=click.Choice(["best", "committee"]),
    default="best",
    show_default=True,
    help="With several seeds, keep the best model by validation, or all as a committee.",
)
@click.option(
    "--method",
    default="full",
    metavar="NAME[:X]",
    show_default=True,
    help="full, readout, freeze:GROUP, lora:RANK, l2-sp:STRENGTH or replay:DATA.",
)
@click.option(
    "--group-rates",
    default="",
    metavar="GROUP=X,...",
    help="Learning rate multipliers by layer, e.g. embedding=0.1,readout=2.",
)
@click.option(
    "--replayed",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="1",
    help="With --method replay: replayed structures for each training structure.",
)
@click.option(
    "--stop",
    type=click.Choice(["early", "last", "all", "k-fold"]),
    show_default="all with --test, else early",
    help="Keep the best epoch by validation (early) or the last; all and k-fold train on "
    "the validation structures, too.",
)
@click.option(
    "--general",
    multiple=True,
    metavar="FILE",
    help="Other labelled structures, to measure what the model forgets (repeatable).",
)
@click.option("--from-scratch", is_flag=True, help="Start from random weights (the baseline).")
@architecture_options()
@click.option(
    "--alchemical",
    default="",
    metavar="auto|S|S,EPS",
    help="Transfer the model to the data's elements: scale lengths by S and energies by EPS.",
)
@click.option(
    "--element-map",
    default="",
    metavar="OLD=NEW,...",
    help="Element mapping of --alchemical, e.g. C=Si.",
)
@device_option
@label_options
@click.option(
    "--stress-weight",
    type=click.FloatRange(min=0),
    metavar="X",
    show_default="the recipe's",
    help="Weight of stresses in the loss.",
)
@allow_option
@resume_run_option
@json_option
def command(as_json: bool, **given: Any) -> None:
    """Fine-tune a pre-trained model on your own structures, on a GPU if available.

    Prints the plan, trains, and writes a run folder with the model, its card, the errors before and
    after training, predictions and plots. If the run is killed, resume it with --out DIR --resume.
    """
    from hub.cli.training_output import TrainingOutput, print_results
    from hub.devices import keep_freed_memory
    from hub.training.finetune import finetune

    if not (given["data"] or given["resume"]):
        raise click.UsageError("Missing option '--data'.")
    keep_freed_memory()
    with TrainingOutput() as reporter:
        folder, results = finetune(**given, reporter=reporter)
    if as_json:
        output.result_json({"folder": str(folder), **results})
    else:
        print_results(folder, results)
