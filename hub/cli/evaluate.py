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
    stress_convention_option,
    stress_key_option,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.evaluation import Errors, Predictions
    from hub.structures import ReadResult, StructureSet
    from hub.structures.reference_energies import ReferenceEnergies
    from hub.structures.stress_labels import StressReading

_AS_IT_IS, _SHIFTED = "as it is", "shifted"


@click.command(name="evaluate", short_help="Measure a model's errors on labelled structures.")
@click.argument("model", shell_complete=complete_names)
@click.option(
    "--data",
    "files",
    metavar="FILE",
    multiple=True,
    required=True,
    help="Labelled structures; may be repeated, or a pattern in quotes.",
)
@energy_key_option
@forces_key_option
@stress_key_option
@stress_convention_option
@device_option
@dtype_option
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write predictions.extxyz and parity.png into this directory.",
)
@json_option
def command(
    model: str,
    files: tuple[str, ...],
    energy_key: str | None,
    forces_key: str | None,
    stress_key: str | None,
    stress_convention: str,
    device: str,
    dtype: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the errors of MODEL, a name or a run folder, on DFT data.

    Errors are in meV/atom and eV/Å, and those of stresses in GPa and meV/Å^3, over all structures
    and for each configuration type that the files name. Where model and data count energies from
    different zeros, the shift per element is fitted and the errors are shown both ways.
    """
    from hub.evaluation import (
        align_energy_zero,
        energy_zeros_differ,
        error_table,
        errors_by_group,
        evaluate,
    )
    from hub.library import open_model
    from hub.potentials.loading import load_model
    from hub.structures.stress_labels import StressReading
    from registry.outputs import require_free

    if out is not None:
        require_free(out, _names())
    with progress_bar("reading") as progress:
        stress = StressReading(stress_key, stress_convention)
        read = _read(files, energy_key, forces_key, progress, stress)
    with progress_bar("pulling", in_bytes=True) as progress:
        opened = open_model(model, progress)
    potential = load_model(opened.path, device=device, dtype=dtype)
    structures = read.structures
    with progress_bar("predicting") as progress:
        predictions = evaluate(potential, structures, progress)
    series = {_AS_IT_IS: predictions}
    shifts = None
    if read.energy_key:
        fitted, shifted = align_energy_zero(structures, predictions)
        if energy_zeros_differ(structures, predictions, shifted):
            shifts, series[_SHIFTED] = fitted, shifted
    errors = {label: errors_by_group(structures, each) for label, each in series.items()}
    if out is not None:
        _write(out, structures, series)
    named = str(opened.version.reference) if opened.version else str(opened.path)
    if as_json:
        output.result_json(_report(named, read, errors, shifts))
        return
    for line in _summary(named, read, shifts):
        output.message(line)
    output.result_table(*error_table(errors if shifts else {"": errors[_AS_IT_IS]}))
    if out is not None:
        output.message(f"predictions and plots are in {out}")


def _read(
    files: tuple[str, ...],
    energy_key: str | None,
    forces_key: str | None,
    progress: Callable[[int, int | None], None] | None,
    stress: StressReading,
) -> ReadResult:
    """Read structures that have energies, forces or both."""
    from hub.errors import DataError
    from hub.structures import read_structures

    read = read_structures(
        files, energy_key, forces_key, progress, require_labels=False, stress=stress
    )
    if not (read.energy_key or read.forces_key):
        raise DataError(
            f"no energies and no forces found in {', '.join(files)}",
            "Name them with --energy-key and --forces-key; `hub check` lists what is there.",
        )
    return read


def _write(out: Path, structures: StructureSet, series: dict[str, Predictions]) -> None:
    """Write the predictions as the model makes them, and all series as plots."""
    from hub.evaluation import parity, parity_plot, predictions_file, write_predictions
    from registry.outputs import claim_outputs

    claim_outputs(out, _names())
    write_predictions(out / predictions_file.FILE_NAME, structures, series[_AS_IT_IS])
    plots = series if len(series) > 1 else {"": series[_AS_IT_IS]}
    parity_plot(out / parity.FILE_NAME, plots, structures)


def _names() -> tuple[str, ...]:
    """Return what the files in --out are called."""
    from hub.evaluation import parity, predictions_file

    return predictions_file.FILE_NAME, parity.FILE_NAME


def _report(
    model: str,
    read: ReadResult,
    errors: dict[str, dict[str, Errors]],
    shifts: ReferenceEnergies | None,
) -> dict[str, Any]:
    def rows(label: str) -> dict[str, Any] | None:
        if label not in errors:
            return None
        return {group: each.to_dict() for group, each in errors[label].items()}

    return {
        "model": model,
        "files": list(read.structures.sources),
        "energy_key": read.energy_key,
        "forces_key": read.forces_key,
        "stress_keys": list(read.stress_keys),
        "notes": list(read.notes),
        "units": {"energy": "meV/atom", "forces": "eV/Å", "stress": "GPa"},
        "errors": rows(_AS_IT_IS),
        "energy_shift_eV_per_atom": shifts.energies if shifts else None,
        "errors_shifted": rows(_SHIFTED),
    }


def _summary(model: str, read: ReadResult, shifts: ReferenceEnergies | None) -> list[str]:
    named = ((read.energy_key, "eV"), (read.forces_key, "eV/Å"))
    labels = [f"{name} ({unit})" for name, unit in named if name]
    labels += [f"stress from {key}" for key in read.stress_keys]
    lines = [
        f"model:   {model}",
        f"data:    {len(read.structures)} structures in {', '.join(read.structures.sources)}",
        f"labels:  {', '.join(labels)}",
        *(f"note:    {note}" for note in read.notes),
    ]
    if shifts:
        values = ", ".join(f"{symbol} {shift:+.4f}" for symbol, shift in shifts.energies.items())
        lines += [
            "warning: model and data count energies from different zeros. Shifts fitted to these",
            f"         data, {values} eV/atom, explain most of the energy error:",
            f"         '{_SHIFTED}' is with them, '{_AS_IT_IS}' without.",
            *(f"note:    {note}" for note in shifts.notes),
        ]
    return lines
