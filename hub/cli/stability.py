"""``hub stability``: whether models hold a material together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, device_option, dtype_option, json_option
from hub.cli.pool_options import chosen_pool, pool_options
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from ase import Atoms

    from hub.studies.stability import Stability


@click.command(name="stability", short_help="Run molecular dynamics and see whether it holds.")
@click.argument(
    "models", metavar="MODEL...", nargs=-1, required=True, shell_complete=complete_names
)
@click.option("--element", metavar="SYMBOL", help="A crystal of it, about 64 atoms.")
@click.option("--structure", metavar="FILE", help="The first structure of a file instead.")
@click.option(
    "--temperature", type=click.FloatRange(min=1), default=1000, show_default=True, help="In K."
)
@click.option(
    "--time",
    type=click.FloatRange(min=0, min_open=True),
    default=20,
    show_default=True,
    help="At constant energy, in ps.",
)
@click.option(
    "--timestep", type=click.FloatRange(min=0, min_open=True), default=1, show_default=True,
    help="In fs.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="A new folder.")
@click.option("--resume", is_flag=True, help="Go on in DIR; --time may be longer than before.")
@device_option
@dtype_option
@pool_options("Models at a time, each in one thread.  [default: one, in all threads]")
@json_option
def command(
    models: tuple[str, ...],
    element: str | None,
    structure: str | None,
    out: Path | None,
    resume: bool,
    device: str,
    dtype: str,
    jobs: int | None,
    dask: str | None,
    slurm: dict[str, Any] | None,
    as_json: bool,
    **conditions: Any,
) -> None:
    """Heat a crystal by each MODEL, then follow it at constant energy.

    Shown are the drift of the total energy, the smallest distance that ever occurred, and the mean
    number of neighbours at the beginning and the end (within 1.3 sums of covalent radii). DIR gets
    stability.md and .png, and a .csv of each model over time. Killed at any moment, the same
    command with --resume goes on.
    """
    from hub.studies.stability import Conditions
    from hub.studies.stability_folder import (
        HEADER,
        PLOT_NAME,
        TABLE_NAME,
        compare_stability,
        row,
    )

    if bool(element) == bool(structure):
        raise click.UsageError("Name either an --element or a --structure.")
    if resume and out is None:
        raise click.UsageError("--resume needs the --out of before.")
    atoms = _atoms(element, structure)
    asked = Conditions(**conditions)
    output.message(f"{atoms.get_chemical_formula()}, {asked.temperature:g} K")
    with progress_bar("molecular dynamics") as progress:
        found = compare_stability(
            models, atoms, asked, out,
            resume=resume, device=device, dtype=dtype, pool=chosen_pool(jobs, dask, slurm),
            progress=progress,
        )  # fmt: skip
    if as_json:
        output.result_json({model: _facts(each) for model, each in found})
    else:
        output.result_table(HEADER, [row(*each) for each in found])
    if out is not None:
        output.message(f"table: {out / TABLE_NAME}; plot: {out / PLOT_NAME}")


def _atoms(element: str | None, structure: str | None) -> Atoms:
    from hub.structures import read_structures
    from hub.studies.stability import crystal

    if element:
        return crystal(element)
    read = read_structures(str(structure), require_labels=False, limit=1)
    return read.structures.to_atoms(0)


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
