"""``hub evaluate``: how good a model is on labelled structures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    complete_names,
    device_option,
    dtype_option,
    energy_key_option,
    forces_key_option,
    json_option,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.evaluation import Errors, Predictions
    from hub.structures import ReadResult, StructureSet
    from hub.structures.reference_energies import ReferenceEnergies

_AS_IT_IS, _SHIFTED = "as it is", "shifted"


@click.command(name="evaluate", short_help="Measure a model's errors on labelled structures.")
@click.argument("model", shell_complete=complete_names)
@click.option("--data", "files", metavar="FILE", multiple=True, required=True, help="Labelled structures; may be repeated, or a pattern in quotes.")
@energy_key_option
@forces_key_option
@device_option
@dtype_option
@click.option("--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Write predictions.extxyz and parity.png into this directory.")
@json_option
def command(
    model: str,
    files: tuple[str, ...],
    energy_key: str | None,
    forces_key: str | None,
    device: str,
    dtype: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the errors of MODEL, a name or a run folder, on DFT data.

    Errors are in meV/atom and eV/Å, over all structures and for each configuration type that the
    files name. Where model and data count energies from different zeros, the shift per element is
    fitted and the errors are shown both ways.
    """
    from hub.evaluation import (
        align_energy_zero,
        energy_zeros_differ,
        error_table,
        errors_by_group,
        evaluate,
    )
    from hub.models import load_model

    with progress_bar("reading") as progress:
        read = _read(files, energy_key, forces_key, progress)
    with progress_bar("pulling", in_bytes=True) as progress:
        loaded = load_model(model, device=device, dtype=dtype, progress=progress)
    structures = read.structures
    with progress_bar("predicting") as progress:
        predictions = evaluate(loaded, structures, progress)
    series = {_AS_IT_IS: predictions}
    shifts = None
    if read.energy_key:
        fitted, shifted = align_energy_zero(structures, predictions)
        if energy_zeros_differ(structures, predictions, shifted):
            shifts, series = fitted, {**series, _SHIFTED: shifted}
    errors = {label: errors_by_group(structures, each) for label, each in series.items()}
    if out is not None:
        _write(out, structures, series)
    if as_json:
        output.result_json(_report(model, read, errors, shifts))
        return
    _print_summary(model, read, shifts)
    output.result_table(*error_table(errors if shifts else {"": errors[_AS_IT_IS]}))
