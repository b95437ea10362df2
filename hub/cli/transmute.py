"""``hub transmute``: transfer a model or a dataset to another element, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    complete_names,
    device_option,
    energy_key_option,
    forces_key_option,
    json_option,
    to_option,
    version_option,
)
from hub.cli.progress import progress_bars

if TYPE_CHECKING:
    from hub.alchemy.transmute import Transmuted


@click.command(name="transmute")
@click.argument("source", metavar="MODEL_OR_DATASET", shell_complete=complete_names)
@click.option("--element", metavar="ELEMENT", help="New element, e.g. Si.")
@click.option(
    "--element-map",
    default="",
    metavar="OLD=NEW,...",
    help="Element mapping for several elements, e.g. C=Si,H=F.",
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    show_default="ratio of the elements' crystals",
    help="Length scale: new length / old length.",
)
@click.option(
    "--energy-scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="EPS",
    show_default="1",
    help="Energy scale: new energy / old energy.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="FILE",
    help="Labelled structures of the new elements, to fit the scales of a model (repeatable).",
)
@click.option(
    "--forces",
    type=click.Choice(["consistent", "paper"]),
    default="consistent",
    show_default=True,
    help="Scaling of a dataset's forces; paper: scaled like energies, as published, and so "
    "inconsistent with them.",
)
@click.option("--name", help="Name of the new version.")
@version_option
@to_option
@click.option(
    "--license", metavar="ID", show_default="that of the source", help="Licence of the result."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a model directory instead of publishing a version.",
)
@click.option("--resume", is_flag=True, help="Resume an interrupted transmutation of a dataset.")
@energy_key_option
@forces_key_option
@device_option
@json_option
def command(source: str, as_json: bool, **given: Any) -> None:
    """Replace the elements of MODEL_OR_DATASET and scale its lengths and energies.

    E'(x') = eps E(x'/s) holds exactly, and is checked for a model's energies, forces and stresses.
    The result is a starting point for training. Fit the scales to your data with --data, or use
    `hub finetune --alchemical auto`.
    """
    from hub.alchemy.transmute import transmute

    if not (given["element"] or given["element_map"]):
        raise click.UsageError("Give the new element: --element ELEMENT, or --element-map C=Si,...")
    if bool(given["name"]) == bool(given["out"]):
        raise click.UsageError("Give either --name, for a new version, or --out, for a directory.")
    with progress_bars() as counting:
        made = transmute(source, counting=counting, report=output.message, **given)
    if as_json:
        output.result_json(_report(made))
    else:
        output.result(str(made.version.reference if made.version else made.directory))


def _report(made: Transmuted) -> dict[str, Any]:
    result: dict[str, Any] = {"directory": str(made.directory)}
    if made.version:
        result = {"reference": str(made.version.reference), "digest": made.version.digest}
    if made.cutoff is None:
        return {**result, **made.facts}
    return {**result, "cutoff": made.cutoff, **made.transmutation.to_json()}
