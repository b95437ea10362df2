"""``hub synthesize``: make a dataset by molecular dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import json_option
from hub.cli.pool_options import chosen_pool, pool_options
from hub.cli.progress import progress_bar
from hub.cli.teacher_options import chosen_teacher, teacher_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.synthesis.schedule import Recipe


def _range(kind: type[int | float]) -> Callable[..., tuple[float, float]]:
    """Return what reads ``LEAST:GREATEST``, or one number for both."""

    def read(
        context: click.Context,  # noqa: ARG001 - click's signature
        parameter: click.Parameter,  # noqa: ARG001
        text: str,
    ) -> tuple[float, float]:
        least, _, greatest = text.partition(":")
        try:
            return kind(least), kind(greatest or least)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not LEAST:GREATEST") from None

    return read


def _durations(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    text: str,
) -> tuple[float, ...]:
    """Read five times."""
    try:
        melt, quench, heat, anneal, cool = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not MELT,QUENCH,HEAT,ANNEAL,COOL") from None
    return melt, quench, heat, anneal, cool


@click.command(name="synthesize", short_help="Make a dataset by molecular dynamics.")
@click.option("--element", default="C", show_default=True, help="A chemical symbol.")
@teacher_options
@click.option("--name", required=True, help="What the dataset is to be called.")
@click.option("--version", default="1.0.0", show_default=True, help="MAJOR.MINOR.PATCH.")
@click.option("--labels", default="", metavar="NAME", help="Of the label set. [the teacher's]")
@click.option("--onto", default="", metavar="DATASET", help="Add to this dataset.")
@click.option(
    "--trajectories", type=click.IntRange(min=1), default=20, show_default=True, metavar="N"
)
@click.option("--atoms", callback=_range(int), default="200", show_default=True, metavar="A:B")
@click.option(
    "--density", callback=_range(float), default="1.0:3.5", show_default=True, help="In g/cm³."
)
@click.option("--melt-temperature", type=click.FloatRange(min=1), default=9000, show_default=True)
@click.option(
    "--anneal-temperature",
    callback=_range(float),
    default="2000:4000",
    show_default=True,
    help="In K: trajectories are spread evenly.",
)
@click.option(
    "--stages",
    callback=_durations,
    default="5,5,50,100,50",
    show_default=True,
    help="Melt, quench, heat, anneal, cool: ps each.",
)
@click.option(
    "--timestep", type=click.FloatRange(min=1e-3), default=1.0, show_default=True, help="fs"
)
@click.option(
    "--frame-interval",
    type=click.FloatRange(min=1e-3),
    default=1.0,
    show_default=True,
    help="ps between frames.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@pool_options("Processes.  [default: one for each core]")
@click.option("--resume", is_flag=True, help="Go on after a synthesis of the same that stopped.")
@click.option("--to", metavar="REGISTRY", help="A registry's name, or ./directory.")
@click.option("--description", metavar="TEXT", default="", help="One line for people.")
@click.option("--license", "licence", metavar="ID", default="", help="Such as CC-BY-4.0.")
@json_option
def command(as_json: bool, **given: Any) -> None:
    """Make structures of an element, label them, and print the dataset's reference.

    Atoms at random places are molten, quenched, heated, annealed and cooled, in many trajectories
    of different densities and anneal temperatures. LAMMPS runs them where the teacher is one of
    its pair styles, else ASE. Frames have the columns time, density, anneal_T, run_id,
    temperature and blown_up.
    """
    from hub.datasets.card import Description
    from hub.synthesis.synthesize import synthesize
    from registry.origins import LOCAL

    with progress_bar("frames") as progress:
        made = synthesize(
            _recipe(given),
            given["name"],
            given["version"],
            labels=given["labels"],
            onto=given["onto"],
            to=given["to"] or LOCAL,
            pool=chosen_pool(given["jobs"], given["dask"], given["slurm"]),
            resume=given["resume"],
            description=Description(given["description"], given["licence"]),
            progress=progress,
            report=lambda text: output.message(f"note: {text}"),
        )
    reference = str(made.version.reference)
    if as_json:
        output.result_json(
            {
                "reference": reference,
                "digest": made.version.digest,
                "blown_up": made.failures,
                **made.facts,
            }
        )
    else:
        output.message(str(made.version.manifest.metadata["description"]))
        output.message(f"{made.facts['structures']:,} frames; {len(made.failures)} blown up")
        output.result(reference)


def _recipe(given: dict[str, Any]) -> Recipe:
    from hub.synthesis.schedule import Recipe, Stages

    return Recipe(
        given["element"],
        chosen_teacher(given["teacher"], given["params"], given["arguments"]),
        given["trajectories"],
        given["density"],
        given["anneal_temperature"],
        given["atoms"],
        Stages(given["melt_temperature"], 300.0, *given["stages"]),
        given["timestep"],
        given["frame_interval"],
        given["seed"],
    )
