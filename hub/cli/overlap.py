"""``hub overlap``: whether a model or dataset has been where your structures are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.structures import StructureSet


@click.command(name="overlap", short_help="Measure how much of your data a source covers.")
@click.argument("source", metavar="MODEL_OR_DATASET", shell_complete=complete_names)
@click.argument("data", nargs=-1, required=True, metavar="DATA...")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    help="Lengths of DATA / lengths of the source.  [default: what brings them nearest]",
)
@click.option(
    "--element-map",
    "pairs",
    default="",
    metavar="OLD=NEW,...",
    help="Map source elements to DATA elements.",
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw a PNG."
)
@json_option
def command(
    source: str,
    data: tuple[str, ...],
    scale: float | None,
    pairs: str,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Print the part of the atoms of DATA whose surroundings the source knows.

    The source is a dataset, a model whose card names the dataset that it was trained on, or a file
    of structures. Surroundings are compared by SOAP, with the lengths of DATA as they are and
    brought to those of the source. Needs the extra [overlap].
    """
    from hub.alchemy.transmutation import pair_elements
    from hub.evaluation.overlap import measure_overlap
    from hub.evaluation.overlap_source import open_structures
    from hub.structures import read_structures

    with progress_bar("reading") as progress:
        known = open_structures(source, progress)
        target = read_structures(data, progress=progress, require_labels=False).structures
    matched = pair_elements(known.elements, target.elements, pairs)
    overlap = measure_overlap(known, target, matched, scale)
    if plot is not None:
        from hub.evaluation.overlap_plot import plot_overlap

        plot_overlap(plot, overlap, (_name(known), _name(target)))
        output.message(f"plot: {plot}")
    if as_json:
        output.result_json(
            {
                "share_unscaled": overlap.share_unscaled,
                "share_scaled": overlap.share_scaled,
                "scale": overlap.scale,
                "reach": overlap.reach,
                "environments": [len(overlap.source.vectors), len(overlap.scaled.vectors)],
            }
        )
        return
    output.message(
        f"{len(overlap.source.vectors)} environments of {_name(known)}, "
        f"{len(overlap.scaled.vectors)} of {_name(target)}"
    )
    output.result_table(
        ("LENGTHS", "INSIDE"),
        [
            ("as they are", f"{overlap.share_unscaled:.1%}"),
            (f"/ {overlap.scale:.3f}", f"{overlap.share_scaled:.1%}"),
        ],
    )


def _name(structures: StructureSet) -> str:
    return ", ".join(Path(source).name for source in structures.sources)
