"""``hub check``: look at DFT files before anything is trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    allow_option,
    json_option,
    label_options,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.structures import ReadResult, StructureSet
    from hub.structures.checks import Finding
    from hub.structures.reference_energies import ReferenceEnergies

_SHOWN = 5
_DEFAULT_CUTOFF = 4.0  # Å


@click.command(name="check", short_help="Check DFT files for what spoils training.")
@click.argument("files", nargs=-1, required=True)
@click.option("--model", "reference", metavar="NAME", help="Also check that this model fits.")
@click.option("--labels", default="", metavar="NAME", help="Of a dataset, the label set.")
@label_options
@allow_option
@json_option
def command(
    files: tuple[str, ...],
    reference: str | None,
    labels: str,
    energy_key: str | None,
    forces_key: str | None,
    stress_key: str | None,
    stress_convention: str,
    allow: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check FILES of structures and labels, in any format that is known.

    FILES may be patterns such as 'runs/*/OUTCAR', a directory of DeePMD-kit, - for standard input,
    or one dataset, such as NAME@1. Energies and forces are found by their names. Each finding names
    the file and the position of the structure in it, from 0. The exit code is 1 if there are errors
    that --allow does not name; warnings leave it 0.
    """
    from hub.datasets.loading import read_files_or_dataset
    from hub.errors import DataError
    from hub.structures.checks import blocking, check_structures, require_error_codes
    from hub.structures.reference_energies import fit_reference_energies
    from hub.structures.stress_labels import StressReading

    require_error_codes(allow)
    elements, cutoff = _model_limits(reference) if reference else (None, _DEFAULT_CUTOFF)
    with progress_bar("reading") as progress:
        stress = StressReading(stress_key, stress_convention)
        read = read_files_or_dataset(files, labels, energy_key, forces_key, progress, stress)
    with progress_bar("checking") as progress:
        findings = check_structures(read.structures, elements, cutoff, progress)
    references = fit_reference_energies(read.structures)
    if as_json:
        output.result_json(_report(read, references, findings, allow))
    else:
        _print_summary(read, references)
        _print_findings(read.structures, findings, allow)
    errors = [finding.code for finding in blocking(findings, allow)]
    if errors:
        raise DataError(
            f"the files cannot be trained on: {', '.join(dict.fromkeys(errors))}",
            "Mend them as advised above, or leave the structures named out. If you know better: "
            + " ".join(f"--allow {code}" for code in dict.fromkeys(errors)),
        )


def _model_limits(reference: str) -> tuple[tuple[str, ...], float]:
    """Return the elements that a model knows and its cutoff in Å."""
    from hub.library import open_model
    from hub.potentials.architectures import read_config

    config = read_config(open_model(reference).path)
    return config.type_names, config.r_max


def _report(
    read: ReadResult,
    references: ReferenceEnergies,
    findings: list[Finding],
    allow: tuple[str, ...],
) -> dict[str, Any]:
    structures = read.structures
    return {
        "files": list(structures.sources),
        "structures": len(structures),
        "atoms": len(structures.numbers),
        "elements": list(structures.elements),
        "energy_key": read.energy_key,
        "forces_key": read.forces_key,
        "stress_keys": list(read.stress_keys),
        "stresses": int(structures.has_stress.sum()),
        "config_types": _config_types(structures),
        "digest": structures.digest(),
        "reference_energies": {
            "energies": references.energies,
            "method": references.method,
            "notes": references.notes,
        },
        "notes": list(read.notes),
        "findings": [
            {
                "severity": finding.severity,
                "code": finding.code,
                "allowed": finding.code in allow,
                "message": finding.message,
                "structures": [structures.where(index) for index in finding.structures],
                "advice": finding.advice,
            }
            for finding in findings
        ],
    }


def _config_types(structures: StructureSet) -> dict[str, int]:
    from collections import Counter

    return dict(Counter(name for name in structures.config_types.tolist() if name))


def _print_summary(read: ReadResult, references: ReferenceEnergies) -> None:
    structures = read.structures
    sizes = structures.n_atoms
    types = _config_types(structures)
    energies = ", ".join(f"{symbol} {value:.4f}" for symbol, value in references.energies.items())
    rows = [
        ("files", _shortened(structures.sources)),
        (
            "structures",
            f"{len(structures)} of {sizes.min()} to {sizes.max()} atoms, {sizes.sum()} in all",
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


def _print_findings(
    structures: StructureSet, findings: list[Finding], allow: tuple[str, ...]
) -> None:
    output.result("")
    if not findings:
        output.result("No findings.")
        return
    for finding in findings:
        allowed = " (allowed)" if finding.code in allow else ""
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
