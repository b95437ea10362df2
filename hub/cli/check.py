"""``hub check``: look at DFT files before anything is trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import energy_key_option, forces_key_option, json_option
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
@energy_key_option
@forces_key_option
@json_option
def command(
    files: tuple[str, ...],
    reference: str | None,
    energy_key: str | None,
    forces_key: str | None,
    as_json: bool,
) -> None:
    """Check FILES of structures and labels, in any format that ASE reads.

    FILES may be patterns such as 'runs/*/OUTCAR'. Energies and forces are found by their names.
    Each finding names the file and the position of the structure in it, from 0. The exit code is 1
    if there are errors; warnings leave it 0.
    """
    from hub.errors import DataError
    from hub.structures import read_structures
    from hub.structures.checks import check_structures
    from hub.structures.reference_energies import fit_reference_energies

    elements, cutoff = _model_limits(reference) if reference else (None, _DEFAULT_CUTOFF)
    with progress_bar("reading") as progress:
        read = read_structures(files, energy_key, forces_key, progress)
    with progress_bar("checking") as progress:
        findings = check_structures(read.structures, elements, cutoff, progress)
    references = fit_reference_energies(read.structures)
    if as_json:
        output.result_json(_report(read, references, findings))
    else:
        _print_summary(read, references)
        _print_findings(read.structures, findings)
    errors = [finding.code for finding in findings if finding.severity == "error"]
    if errors:
        raise DataError(
            f"the files cannot be trained on: {', '.join(dict.fromkeys(errors))}",
            "Mend them as advised above, or leave the structures named out.",
        )


def _model_limits(reference: str) -> tuple[tuple[str, ...], float]:
    """Return the elements that a model knows and its cutoff in Å."""
    from hub.library import open_model
    from hub.models.config import read_config

    config = read_config(open_model(reference).path)
    return config.type_names, config.r_max


def _report(
    read: ReadResult, references: ReferenceEnergies, findings: list[Finding]
) -> dict[str, Any]:
    structures = read.structures
    return {
        "files": list(structures.sources),
        "structures": len(structures),
        "atoms": len(structures.numbers),
        "elements": list(structures.elements),
        "energy_key": read.energy_key,
        "forces_key": read.forces_key,
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
    if types:
        named = [f"{name} {count}" for name, count in types.items()]
        rows.insert(3, ("configuration types", _shortened(named)))
    rows += [("note", note) for note in (*references.notes, *read.notes)]
    for name, text in rows:
        output.result(f"{name + ':':<20} {text}")


def _print_findings(structures: StructureSet, findings: list[Finding]) -> None:
    output.result("")
    if not findings:
        output.result("No findings.")
        return
    for finding in findings:
        output.result(f"{finding.severity}: {finding.code}: {finding.message}")
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
