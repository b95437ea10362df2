"""``hub pretrain``: from synthetic labels to a model to fine-tune."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    batch_size_option,
    complete_names,
    device_option,
    json_option,
    learning_rate_option,
    recipe_option,
    require_resume_alone,
)

if TYPE_CHECKING:
    from hub.training.pretrain_job import PretrainJob


@click.command(name="pretrain", short_help="Train a new model on synthetic labels.")
@click.option(
    "--data", metavar="NAME", shell_complete=complete_names, help="A dataset, or its directory."
)
@click.option("--labels", default="", metavar="NAME", help="Its label set to learn.")
# The longer name is also for torchrun, which takes --n for an option of its own.
@click.option(
    "--n-train", "--n", "n", type=click.IntRange(min=1), help="Train on so many structures. [all]"
)
@click.option("--where", metavar="COND", help="Only structures that fit, such as 'density > 2'.")
@click.option(
    "--held-out",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Validate on so many structures at most, and judge by as many.",
)
@click.option(
    "--max-force",
    type=click.FloatRange(min=0, min_open=True),
    default=50.0,
    show_default=True,
    help="Leave out structures with a larger force (eV/Å).",
)
@click.option(
    "--model-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON with settings of the architecture.",
)
@click.option("--layers", "num_layers", type=click.IntRange(min=1), help="Interaction blocks. [4]")
@click.option("--features", "num_features", type=click.IntRange(min=1), help="Channels. [32]")
@click.option("--l-max", type=click.IntRange(min=0), help="Highest rotation order. [1]")
@click.option("--parity/--no-parity", default=None, help="Odd parity or not. [parity]")
@click.option("--cutoff", "r_max", type=click.FloatRange(min=1), help="In Å. [4]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="A new run folder.")
@recipe_option
@click.option("--max-epochs", type=click.IntRange(min=1), help="Passes over the structures.")
@click.option(
    "--max-hours",
    type=click.FloatRange(min=0, min_open=True),
    help="End at the last epoch that fits; the learning rate has fallen by then.",
)
@learning_rate_option
@batch_size_option
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@device_option
@click.option(
    "--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with this run folder."
)
@json_option
def command(resume: Path | None, out: Path | None, as_json: bool, **given: Any) -> None:
    """Train a model with random weights on a label set of a dataset, to fine-tune it later.

    Whole trajectories, by the column run_id, are held out for validation and test. Killed at any
    moment, it goes on where it was with --resume. On several GPUs or processes:
    torchrun --nproc-per-node 2 -m hub.cli.main pretrain ...
    """
    from hub.cli.training_output import TrainingOutput, print_results
    from hub.devices import keep_freed_memory
    from hub.training.pretrain import resume_pretraining, start_pretraining
    from hub.training.process_group import process_group
    from hub.training.reporter import Reporter

    keep_freed_memory()
    if resume is None:
        job = _job(given)
    else:
        require_resume_alone()
    with (
        process_group() as group,
        TrainingOutput() if group.is_first else nullcontext(Reporter()) as reporter,
    ):
        if resume is None:
            folder, results = start_pretraining(job, out, reporter, group)
        else:
            folder, results = resume, resume_pretraining(resume, reporter, group)
    if not group.is_first:
        return
    if as_json:
        output.result_json({"folder": str(folder), **results})
    else:
        print_results(folder, results)


def _job(given: dict[str, Any]) -> PretrainJob:
    from hub.potentials.architectures import read_architecture
    from hub.training.pretrain_job import PretrainJob

    if not given["data"]:
        raise click.UsageError("Missing option '--data'.")
    file = given.pop("model_config")
    architecture = read_architecture(file) if file is not None else {}
    names = ("num_layers", "num_features", "l_max", "parity", "r_max")
    options = {name: given.pop(name) for name in names}
    architecture |= {name: value for name, value in options.items() if value is not None}
    return PretrainJob(architecture=architecture, **given)
