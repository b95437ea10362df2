"""``hub finetune``: from a few DFT structures to a potential."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    allow_option,
    batch_size_option,
    complete_names,
    device_option,
    energy_key_option,
    forces_key_option,
    json_option,
    learning_rate_option,
    max_epochs_option,
    recipe_option,
    require_resume_alone,
    stress_convention_option,
    stress_key_option,
)

if TYPE_CHECKING:
    from hub.training.job import Job

DEFAULT_MODEL = "c-ace-pretrained"


@click.command(name="finetune", short_help="Fine-tune a model on your DFT data.")
@click.option(
    "--data", multiple=True, metavar="FILE", help="Files with energies and forces, or a dataset."
)
@click.option("--labels", default="", metavar="NAME", help="Of a dataset, the label set.")
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=complete_names,
    help=f"What to start from: a name, run folder or model directory. [{DEFAULT_MODEL}]",
)
@click.option("--test", multiple=True, metavar="FILE", help="Held-out structures to judge by.")
@click.option("--n-train", type=click.IntRange(min=1), help="Train on so many of them, at random.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="A new run folder.")
@recipe_option
@max_epochs_option
@learning_rate_option
@batch_size_option
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    metavar="K",
    help="Train K times; keep the best.",
)
@click.option("--from-scratch", is_flag=True, help="Start from random weights: the baseline.")
@click.option(
    "--alchemical",
    default="",
    metavar="auto|S|S,EPS",
    help="Carry the model to the elements of the data: lengths times S, energies times EPS.",
)
@click.option(
    "--map",
    "--element-map",
    "element_map",
    default="",
    metavar="OLD=NEW,...",
    help="What becomes what then.",
)
@device_option
@energy_key_option
@forces_key_option
@stress_key_option
@stress_convention_option
@click.option(
    "--stress-weight",
    type=click.FloatRange(min=0),
    help="Of stresses in the loss, beside forces. [that of the recipe]",
)
@allow_option
@click.option(
    "--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with this run folder."
)
@json_option
def command(resume: Path | None, out: Path | None, as_json: bool, **given: Any) -> None:
    """Fine-tune a pre-trained model on your own structures, on the GPU where there is one.

    Prints what it is going to do, trains, and writes a run folder with the model, its card, the
    errors before and after, predictions and plots. Killed at any moment, it goes on where it was
    with --resume.
    """
    from hub.cli.training_output import TrainingOutput, print_results
    from hub.devices import keep_freed_memory
    from hub.training.finetune import resume_run, start_run

    keep_freed_memory()
    with TrainingOutput() as reporter:
        if resume is not None:
            require_resume_alone()
            folder, results = resume, resume_run(resume, reporter)
        else:
            folder, results = start_run(_job(given), out, reporter)
    if as_json:
        output.result_json({"folder": str(folder), **results})
    else:
        print_results(folder, results)


def _job(given: dict[str, Any]) -> Job:
    from hub.training.job import Job

    if not given["data"]:
        raise click.UsageError("Missing option '--data'.")
    if given["model"] is None:
        given["model"] = "" if given["from_scratch"] else DEFAULT_MODEL
    return Job(**given)
