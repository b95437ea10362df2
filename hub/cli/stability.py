"""``hub stability``: test models in molecular dynamics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    complete_names,
    device_option,
    dtype_option,
    json_option,
    seed_option,
)
from hub.cli.pool_options import pool_options
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.studies.stability import Stability


@click.command(name="stability")
@click.argument(
    "models", metavar="MODEL...", nargs=-1, required=True, shell_complete=complete_names
)
@click.option(
    "--element", metavar="SYMBOL", help="Simulate a crystal of this element, of about 64 atoms."
)
@click.option(
    "--structure", metavar="FILE", help="Simulate the first structure of this file instead."
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=1),
    default=1000,
    show_default=True,
    metavar="T",
    help="Temperature in K.",
)
@click.option(
    "--time",
    type=click.FloatRange(min=0, min_open=True),
    default=20,
    show_default=True,
    metavar="PS",
    help="Length of the NVE simulation in ps.",
)
@click.option(
    "--timestep",
    type=click.FloatRange(min=0, min_open=True),
    default=1,
    show_default=True,
    metavar="FS",
    help="Time step in fs.",
)
@seed_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for tables, a plot, and what is needed to resume.",
)
@click.option(
    "--resume", is_flag=True, help="Resume in the folder --out; --time may be longer than before."
)
@device_option
@dtype_option
@pool_options("Number of models at a time, each with one thread.", "one, with all threads")
@json_option
def command(
    models: tuple[str, ...],
    element: str | None,
    structure: str | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Heat a crystal with each MODEL, then run NVE molecular dynamics.

    Prints the drift of the total energy, the smallest distance between two atoms, and the mean
    coordination at the start and the end (within 1.3 times the sum of covalent radii). Writes
    stability.md and .png, and a .csv time series for each model, to DIR. If killed, resume with the
    same command and --resume.
    """
    from hub.studies.stability_check import stability
    from hub.studies.stability_folder import HEADER, PLOT_NAME, TABLE_NAME, row

    if bool(element) == bool(structure):
        raise click.UsageError("Give either --element or --structure.")
    if resume and out is None:
        raise click.UsageError("--resume needs --out, the folder to resume.")
    output.message(f"{element or structure}, {given['temperature']:g} K")
    with progress_bar("molecular dynamics") as progress:
        found = stability(
            models,
            element=element,
            structure=structure,
            out=out,
            resume=resume,
            progress=progress,
            **given,
        )
    if as_json:
        output.result_json({model: _facts(each) for model, each in found})
    else:
        output.result_table(HEADER, [row(*each) for each in found])
    if out is not None:
        output.message(f"table: {out / TABLE_NAME}; plot: {out / PLOT_NAME}")


def _facts(stability: Stability) -> dict[str, Any]:
    import math

    coordination = stability.of("coordination")
    smallest, drift = float(stability.of("smallest_distance").min()), stability.drift
    return {
        "time_ps": stability.samples[-1].time,
        "drift_meV_per_atom_per_ps": drift if math.isfinite(drift) else None,
        "temperature_K": float(stability.of("temperature").mean()),
        "smallest_distance_A": smallest if math.isfinite(smallest) else None,
        "coordination": [float(coordination[0]), float(coordination[-1])],
        "failure": stability.failure or None,
    }
