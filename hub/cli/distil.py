"""``hub distil``: a small and fast model from a foundation model and a few structures."""

from __future__ import annotations

from typing import Any

import click

from hub.cli import output
from hub.cli.architecture_options import architecture_options
from hub.cli.arguments import (
    JsonObject,
    allow_option,
    complete_names,
    data_option,
    dataset_labels_option,
    device_option,
    json_option,
    label_options,
    n_train_option,
    run_folder_option,
    seed_option,
    test_option,
)
from hub.cli.teacher_options import teacher_settings


@click.command(name="distil")
@data_option
@dataset_labels_option
@test_option
@n_train_option
@click.option(
    "--teacher",
    default="",
    metavar="NAME",
    shell_complete=complete_names,
    show_default="the best that covers the elements",
    help="Model or teacher to distil; `hub rank` compares them.",
)
@teacher_settings
@click.option(
    "--force", is_flag=True, help="Distil even if the teacher is worse than training from scratch."
)
@click.option(
    "--finetune-teacher",
    is_flag=True,
    help="Fine-tune the teacher on the training structures first.",
)
@click.option(
    "--schedule",
    type=JsonObject(),
    metavar="JSON",
    help="Settings for the structures around each one, e.g. '{\"chains\": 3}'.",
)
@click.option(
    "--pretrain-epochs",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Number of passes over the structures with the teacher's labels.",
)
@architecture_options(layers=2, cutoff=5)
@run_folder_option
@seed_option
@device_option
@label_options
@allow_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="one for each core",
    help="Number of processes for labels and cross-validation.",
)
@click.option("--resume", is_flag=True, help="Resume the distillation in the folder --out.")
@json_option
def command(as_json: bool, **given: Any) -> None:
    """Distil a foundation model into a small, fast model of your own structures.

    Compares the teacher with training from scratch. If its forces are better, it labels structures
    around the training structures; a student is pre-trained on them, then fine-tuned on the data.
    Otherwise the model is trained from scratch. Prints the errors of all models on the test
    structures, which are used for nothing else. If killed, resume with --out DIR --resume.
    """
    from hub.cli.distil_output import DistilOutput
    from hub.devices import keep_freed_memory
    from hub.studies.distil import distil
    from hub.studies.distil_report import PLOT_NAME, TABLE_NAME, report_table

    if not (given["data"] or given["resume"]):
        raise click.UsageError("Missing option '--data'.")
    keep_freed_memory()
    with DistilOutput() as reporter:
        folder, report = distil(**given, reporter=reporter)
    if as_json:
        output.result_json({"folder": str(folder), **report})
        return
    output.message(f"errors on the {report['set']} set ({report['n_structures']} structures):")
    output.result_table(*report_table(report))
    output.message(f"kept: {report['kept']}")
    output.message(
        f"model: {folder / 'model'}; table: {folder / TABLE_NAME}; plot: {folder / PLOT_NAME}"
    )
