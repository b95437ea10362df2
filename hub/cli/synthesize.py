"""``hub synthesize``: make a dataset by molecular dynamics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hub.cli import output
from hub.cli.arguments import (
    JsonObject,
    json_option,
    label_options,
    seed_option,
    to_option,
    version_option,
)
from hub.cli.pool_options import pool_options
from hub.cli.progress import progress_bar
from hub.cli.teacher_options import teacher_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.synthesis.running import Synthesized


def _range(kind: type[int | float]) -> Callable[..., tuple[float, float] | None]:
    """Return a reader of ``MIN:MAX``, or one number for both; None if not given."""

    def read(
        context: click.Context,  # noqa: ARG001 - click's signature
        parameter: click.Parameter,  # noqa: ARG001
        text: str | None,
    ) -> tuple[float, float] | None:
        if text is None:
            return None
        least, _, greatest = text.partition(":")
        try:
            return kind(least), kind(greatest or least)
        except ValueError:
            raise click.BadParameter(f"expected MIN:MAX, got {text!r}") from None

    return read


def _durations(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    text: str | None,
) -> tuple[float, ...] | None:
    """Read five durations; None if not given."""
    if text is None:
        return None
    try:
        melt, quench, heat, anneal, cool = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter(f"expected MELT,QUENCH,HEAT,ANNEAL,COOL, got {text!r}") from None
    return melt, quench, heat, anneal, cool


# Options of the two ways to make structures, which cannot be combined.
_OF_DYNAMICS = (
    "formula", "onto", "trajectories", "atoms", "density", "melt_temperature",
    "anneal_temperature", "stages", "timestep", "frame_interval",
)  # fmt: skip
_OF_AROUND = (
    "around", "schedule", "data_labels", "test", "n_train", "out", "energy_key", "forces_key",
    "stress_key", "stress_convention",
)  # fmt: skip


@click.command(name="synthesize")
@click.option(
    "--around",
    multiple=True,
    metavar="FILE",
    help="Make structures around those in this file (repeatable), or of a dataset.",
)
@click.option(
    "--schedule",
    type=JsonObject(),
    metavar="JSON",
    help='Settings of --around, e.g. \'{"chains": 3, "swaps": 0.5}\'; '
    "`hub guide distilling` lists them.",
)
@click.option("--test", multiple=True, metavar="FILE", help="With --around: test structures.")
@click.option(
    "--n-train",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="all but the validation set",
    help="With --around: number of structures, drawn as `hub finetune` draws them.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --around: folder for the files of the split into training, validation and test.",
)
@click.option(
    "--data-labels", default="", metavar="NAME", help="With --around: label set of a dataset."
)
@label_options
@click.option(
    "--formula",
    default="C",
    show_default=True,
    metavar="FORMULA",
    help="Element or compound, e.g. Si or MoS2.",
)
@teacher_options
@click.option("--name", required=True, help="Name of the dataset.")
@version_option
@click.option(
    "--labels",
    default="",
    metavar="NAME",
    show_default="the teacher's name",
    help="Name of the label set.",
)
@click.option("--onto", default="", metavar="DATASET", help="Extend this dataset.")
@click.option(
    "--trajectories",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Number of trajectories.",
)
@click.option(
    "--atoms",
    callback=_range(int),
    default="200",
    show_default=True,
    metavar="A:B",
    help="Number of atoms.",
)
@click.option(
    "--density",
    callback=_range(float),
    show_default="1:3.5 for C, else estimated",
    metavar="A:B",
    help="Density in g/cm³.",
)
@click.option(
    "--melt-temperature",
    type=click.FloatRange(min=1),
    show_default="9000 for C, else estimated",
    metavar="T",
    help="Temperature of the melt in K.",
)
@click.option(
    "--anneal-temperature",
    callback=_range(float),
    show_default="2000:4000 for C, else estimated",
    metavar="A:B",
    help="Annealing temperature in K.",
)
@click.option(
    "--stages",
    callback=_durations,
    show_default="5,5,50,100,50 for C, else estimated",
    metavar="PS,...",
    help="Durations of melt, quench, heat, anneal and cool in ps.",
)
@click.option(
    "--timestep",
    type=click.FloatRange(min=1e-3),
    show_default="1 for C, else estimated",
    metavar="FS",
    help="Time step in fs.",
)
@click.option(
    "--frame-interval",
    type=click.FloatRange(min=1e-3),
    show_default="1 for C, else estimated",
    metavar="PS",
    help="Time between frames in ps.",
)
@seed_option
@pool_options("Number of processes.", "one for each core")
@click.option("--resume", is_flag=True, help="Resume an interrupted synthesis.")
@to_option
@click.option("--description", metavar="TEXT", default="", help="One-line description.")
@click.option("--license", metavar="ID", default="", help="Licence, e.g. CC-BY-4.0.")
@json_option
def command(as_json: bool, **given: Any) -> None:
    """Generate labelled structures, and print the reference of the dataset.

    Without --around, randomly placed atoms are melted, quenched, heated, annealed and cooled, in
    many trajectories spread evenly over densities and annealing temperatures. LAMMPS runs them if
    the teacher is one of its pair styles, otherwise ASE. Frames have the columns time, density,
    anneal_T, run_id, temperature and blown_up. The defaults for carbon are those of C-SYNTH-23M.
    For others, the teacher first relaxes a small cell, whose density, estimated melting temperature
    and fastest vibration set the values that are not given.

    With --around, the teacher labels chains of structures around the given ones: strained, rattled,
    then moved along the forces. Structures have the columns parent, chain, step, run_id and
    is_parent. Validation and test structures of the split are not used.
    """
    make, unit = (_around, "structures") if given["around"] else (_from_scratch, "frames")
    with progress_bar(unit) as progress:
        made = make(given, progress=progress, report=lambda text: output.message(f"note: {text}"))
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
        return
    output.message(str(made.version.manifest.metadata["description"]))
    blown_up = "" if given["around"] else f"; {len(made.failures)} blown up"
    output.message(f"{made.facts['structures']:,} {unit}{blown_up}")
    output.result(reference)


def _from_scratch(given: dict[str, Any], **told: Any) -> Synthesized:
    from hub.synthesis.synthesize import synthesize

    _refuse(_OF_AROUND, "requires --around")
    return synthesize(**{name: given[name] for name in given if name not in _OF_AROUND}, **told)


def _around(given: dict[str, Any], **told: Any) -> Synthesized:
    from hub.synthesis.around import synthesize_around

    _refuse(_OF_DYNAMICS, "cannot be combined with --around")
    own = {name: given[name] for name in given if name not in (*_OF_DYNAMICS, "around")}
    return synthesize_around(given["around"], **own, **told)


def _refuse(names: tuple[str, ...], why: str) -> None:
    """Refuse options that were given although they belong to the other way."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} {why}.")
