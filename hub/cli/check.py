"""``hub check``: check DFT files before training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    allow_option,
    dataset_labels_option,
    json_option,
    label_options,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.checking import Checked
    from hub.structures import ReadResult

_SHOWN = 5


@click.command(name="check")
@click.argument("files", nargs=-1, required=True)
@click.option("--model", metavar="NAME", help="Also check that this model covers the structures.")
@dataset_labels_option
@label_options
@allow_option
@json_option
def command(files: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Check FILES of structures and labels, in any known format.

    FILES may be patterns such as 'runs/*/OUTCAR', a DeePMD-kit directory, - for standard input, or
    one dataset such as NAME@1. Energies and forces are detected by their names. Each finding names
    the file and the position of the structure in it, counted from 0. The exit code is 1 if there
    are errors that --allow does not name; warnings leave it at 0.
    """
    from hub.checking import check
    from hub.errors import DataError

    with progress_bar("reading") as reading, progress_bar("checking") as progress:
        checked = check(files, reading=reading, progress=progress, **given)
    if as_json:
        output.result_json(checked.to_json())
    else:
        _print_summary(checked)
        _print_findings(checked)
    if checked.errors:
        raise DataError(
            f"the files cannot be trained on: {', '.join(checked.errors)}",
            "Correct them as advised above, or remove the structures named. To train anyway: "
            + " ".join(f"--allow {code}" for code in checked.errors),
        )


def _print_summary(checked: Checked) -> None:
    read, references, structures = checked.read, checked.references, checked.structures
    sizes = structures.n_atoms
    types = checked.config_types()
    energies = ", ".join(f"{symbol} {value:.4f}" for symbol, value in references.energies.items())
    rows = [
        ("files", _shortened(structures.sources)),
        (
            "structures",
            f"{len(structures)} of {sizes.min()} to {sizes.max()} atoms, {sizes.sum()} in total",
        ),
        ("elements", ", ".join(structures.elements)),
        ("energies", f"{read.energy_key} (eV)"),
        ("forces", f"{read.forces_key} (eV/Å)"),
        ("reference energies", f"{energies} eV/atom ({references.method})"),
    ]
    if read.stress_keys:
        rows.append(("stresses", _stresses(read)))
    if types:
        named = [f"{name} {count}" for name, count in types.items()]
        rows.insert(3, ("configuration types", _shortened(named)))
    rows += [("note", note) for note in (*references.notes, *read.notes)]
    for name, text in rows:
        output.result(f"{name + ':':<20} {text}")


def _stresses(read: ReadResult) -> str:
    import numpy as np

    from hub.structures.stresses import EV_PER_A3_IN_GPA

    given = read.structures.has_stress
    text = f"{' and '.join(read.stress_keys)}, of {given.sum()} structures"
    if not given.any():
        return text
    pressures = -EV_PER_A3_IN_GPA * np.trace(read.structures.stresses[given], axis1=1, axis2=2) / 3
    return f"{text}, pressures {pressures.min():.2f} to {pressures.max():.2f} GPa"


def _print_findings(checked: Checked) -> None:
    structures, findings = checked.structures, checked.findings
    output.result("")
    if not findings:
        output.result("No findings.")
        return
    for finding in findings:
        allowed = " (allowed)" if finding.code in checked.allow else ""
        output.result(f"{finding.severity}{allowed}: {finding.code}: {finding.message}")
        if finding.structures:
            where = [structures.where(index) for index in finding.structures]
            output.result(f"    {_shortened(where)}")
        output.result(f"    {finding.advice}")
    output.result("")
    output.result_table(
        ("severity", "finding", "structures"),
        [(f.severity, f.code, str(len(f.structures) or "all")) for f in findings],
    )


def _shortened(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
