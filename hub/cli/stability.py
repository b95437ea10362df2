"""``hub stability``: whether models hold a material together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, device_option, dtype_option, json_option
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from ase import Atoms

    from hub.evaluation.stability import Stability

_HEADER = (
    "MODEL", "PS", "DRIFT (meV/atom/ps)", "MEAN K", "SMALLEST DISTANCE (Å)", "COORDINATION",
    "ENDED",
)  # fmt: skip


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
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Write a CSV of each over time."
)
@device_option
@dtype_option
@json_option
def command(
    models: tuple[str, ...],
    element: str | None,
    structure: str | None,
    out: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Heat a crystal by each MODEL, then follow it at constant energy.

    Shown are the drift of the total energy, the smallest distance that ever occurred, and the mean
    number of neighbours at the beginning and the end (within 1.3 sums of covalent radii).
    """
    from hub.evaluation.stability import run_dynamics, write_samples
    from hub.models.ase_calculator import calculator

    if bool(element) == bool(structure):
        raise click.UsageError("Name either an --element or a --structure.")
    atoms = _atoms(element, structure)
    output.message(f"{atoms.get_chemical_formula()}, {settings['temperature']:g} K")
    device, dtype = settings.pop("device"), settings.pop("dtype")
    found: dict[str, Stability] = {}
    for number, model in enumerate(models):
        with progress_bar(f"steps of {model}") as progress:
            computed = calculator(model, device=device, dtype=dtype)
            found[model] = run_dynamics(atoms, computed, **settings, progress=progress)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            write_samples(out / f"{number}-{Path(model).name}.csv", found[model])
    if as_json:
        output.result_json({model: _facts(each) for model, each in found.items()})
    else:
        output.result_table(_HEADER, [_row(model, each) for model, each in found.items()])


def _atoms(element: str | None, structure: str | None) -> Atoms:
    from hub.evaluation.stability import crystal
    from hub.structures import read_structures

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


def _row(model: str, stability: Stability) -> tuple[str, ...]:
    coordination = stability.of("coordination")
    return (
        model,
        f"{stability.samples[-1].time:.2f}",
        f"{stability.drift:.3f}",
        f"{stability.of('temperature').mean():.0f}",
        f"{stability.of('smallest_distance').min():.3f}",
        f"{coordination[0]:.2f} to {coordination[-1]:.2f}",
        stability.failure or "in time",
    )
