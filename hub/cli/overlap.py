"""``hub overlap``: measure how much of your data a model or dataset covers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.progress import progress_bars


@click.command(name="overlap")
@click.argument("source", metavar="MODEL_OR_DATASET", shell_complete=complete_names)
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    show_default="the best match",
    help="Lengths of DATA / lengths of the source.",
)
@click.option(
    "--element-map",
    default="",
    metavar="OLD=NEW,...",
    help="Element mapping from the source to DATA, e.g. C=Si.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Plot a map of the environments.",
)
@json_option
def command(plot: Path | None, as_json: bool, **given: Any) -> None:
    """Print the share of the atomic environments in DATA that the source covers.

    The source is a dataset, a model whose card names its training dataset, or a file of structures;
    DATA are files or one dataset. Environments are compared by SOAP, with the lengths of DATA as
    they are and scaled to those of the source. Requires the extra [overlap].
    """
    from hub.evaluation.coverage import overlap

    with progress_bars() as counting:
        found = overlap(plot=plot, counting=counting, report=_note, **given)
    if plot is not None:
        output.message(f"plot: {plot}")
    known, target = len(found.source.vectors), len(found.scaled.vectors)
    if as_json:
        output.result_json(
            {
                "share_unscaled": found.share_unscaled,
                "share_scaled": found.share_scaled,
                "scale": found.scale,
                "reach": found.reach,
                "environments": [known, target],
            }
        )
        return
    output.message(f"{known} environments of {found.names[0]}, {target} of {found.names[1]}")
    output.result_table(
        ("LENGTHS", "INSIDE"),
        [
            ("as they are", f"{found.share_unscaled:.1%}"),
            (f"/ {found.scale:.3f}", f"{found.share_scaled:.1%}"),
        ],
    )


def _note(text: str) -> None:
    output.message(f"note: {text}")
