"""The report of a distillation on its test set, and the card of the resulting model."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hub.evaluation.metrics import ALL
from hub.evaluation.parity import parity_plot
from hub.library import MODEL_FOLDER
from hub.studies.candidates import MODEL
from hub.studies.measuring import measure
from hub.teachers.spec import TeacherSpec
from hub.training.run_files import read_json, read_results, write_json
from hub.training.run_folder import model_files
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import join_front_matter, read_text, split_front_matter
from registry.files import scratch_directory
from registry.outputs import settle_folder, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from hub.studies.distil_steps import Gate
    from hub.synthesis.parents import Divided

RESULT, TABLE_NAME, PLOT_NAME = "report.json", "report.md", "report.png"
SCRATCH, TEACHER = "from scratch", "teacher"
BEFORE, AFTER = "student before fine-tuning", "student"
_COLUMNS = (
    ("energy_rmse", "ENERGY RMSE (meV/atom)", 1),
    ("force_rmse", "FORCE RMSE (eV/Å)", 3),
    ("stress_rmse", "STRESS RMSE (GPa)", 2),
)


@dataclass(frozen=True)
class Made:
    """The run folders of a distillation.

    Attributes
    ----------
    scratch
        Trained from scratch.
    teacher
        The teacher that labelled the structures; None if nothing was distilled, as for the others.
    pretrained, student
        The student before and after fine-tuning.
    structures
        How the synthetic structures were made.
    """

    scratch: Path
    teacher: TeacherSpec | None = None
    pretrained: Path | None = None
    student: Path | None = None
    structures: dict[str, Any] | None = None


def write_report(
    folder: Path, made: Made, gate: Gate, divided: Divided, seconds: dict[str, float]
) -> dict[str, Any]:
    """Compare all models on the test set, or the validation set without one; write the report.

    Returns
    -------
    The content of ``report.json``.

    Raises
    ------
    TeacherError
        If a model cannot be measured.
    StorageError
        If the disk is full or cannot be written.
    """
    if (folder / RESULT).exists():
        return read_json(folder / RESULT, dict[str, Any])
    has_test = bool(len(divided.test))
    judged = divided.test if has_test else divided.validation
    found = {SCRATCH: measure(_spec(made.scratch), judged, shifted=False)}
    if made.teacher and made.pretrained and made.student:
        found[TEACHER] = measure(made.teacher, judged, divided.parents)
        found[BEFORE] = measure(_spec(made.pretrained), judged, divided.parents)
        found[AFTER] = measure(_spec(made.student), judged, shifted=False)
    report = {
        "set": "test" if has_test else "validation",
        "n_structures": len(judged),
        "kept": _kept(made),
        "gate": _gate(gate),
        "models": {
            name: {"errors": each.errors, "ms_per_atom": round(each.ms_per_atom, 4)}
            for name, each in found.items()
        },
        "seconds": seconds,
    }
    parity_plot(
        folder / PLOT_NAME, {name: each.predictions for name, each in found.items()}, judged
    )
    write_file(folder / TABLE_NAME, _document(report).encode())
    _write_model(folder, made, gate, report)
    write_json(folder / RESULT, report)
    return report


def report_table(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return a header, and a row for each model with its errors over all structures."""
    models: dict[str, Any] = report["models"]
    columns = [
        (name, label, decimals)
        for name, label, decimals in _COLUMNS
        if any(each["errors"][ALL][name] is not None for each in models.values())
    ]
    rows = []
    for model, each in models.items():
        values = [(each["errors"][ALL][name], decimals) for name, _, decimals in columns]
        cells = ["-" if value is None else f"{value:.{decimals}f}" for value, decimals in values]
        rows.append([model, *cells, f"{each['ms_per_atom']:.3f}"])
    return ["MODEL", *(label for _, label, _ in columns), "ms/ATOM"], rows


def _spec(folder: Path) -> TeacherSpec:
    return TeacherSpec(f"{MODEL}{folder.absolute()}")


def _gate(gate: Gate) -> dict[str, Any]:
    return {
        "teacher": gate.teacher.name if gate.teacher else None,
        "teacher_force_rmse": gate.row.force_rmse if gate.row else None,
        "scratch_force_rmse": gate.scratch.force_rmse,
        "passed": gate.is_good,
    }


def _kept(made: Made) -> str:
    """Return which model is the result: the one with the lower force error in validation."""
    if made.student is None:
        return SCRATCH
    errors = {}
    for name, folder in ((AFTER, made.student), (SCRATCH, made.scratch)):
        results = read_results(folder) or {}
        errors[name] = results["validation"]["force_rmse"]
    return min(errors, key=lambda name: errors[name])


def _write_model(folder: Path, made: Made, gate: Gate, report: dict[str, Any]) -> None:
    """Copy the resulting model, with the distillation on its card."""
    source = made.student if report["kept"] == AFTER and made.student else made.scratch
    with scratch_directory(folder) as part:
        shutil.copytree(source / MODEL_FOLDER, part, dirs_exist_ok=True)
        card = part / CARD_NAME
        matter, body = split_front_matter(read_text(card), str(card))
        if source == made.student:
            matter["distillation"] = _lineage(made, gate)
            body += "\n" + _paragraph(matter["distillation"])
        header, rows = report_table(report)
        body += f"\nErrors on the {report['set']} set, of all that were compared:\n\n"
        body += "\n".join(_markdown(header, rows)) + "\n"
        card.write_text(join_front_matter(matter, body), encoding="utf-8")
        settle_folder(part, folder / MODEL_FOLDER, model_files())


def _lineage(made: Made, gate: Gate) -> dict[str, Any]:
    teacher = gate.teacher
    stated = (
        {
            "name": teacher.name,
            "licence": teacher.licence,
            "level_of_theory": teacher.level_of_theory,
        }
        if teacher
        else {}
    )
    return {
        "teacher": {**stated, **(asdict(made.teacher) if made.teacher else {})},
        "structures": made.structures,
        "licences": {"teacher": stated.get("licence", ""), "data": "that of the user's own data"},
    }


def _paragraph(lineage: dict[str, Any]) -> str:
    teacher, given = lineage["teacher"], lineage["structures"]["given"]["structures"]
    return (
        f"Distilled from {teacher['name']} (licence: {teacher['licence'] or 'not stated'}): pre-trained on its "
        f"labels of structures made around {given} of the training structures, then fine-tuned on "
        "these.\n"
    )


def _document(report: dict[str, Any]) -> str:
    gate = report["gate"]
    lines = [
        f"Errors on {report['n_structures']} structures of the {report['set']} set.",
        "",
        *_markdown(*report_table(report)),
        "",
    ]
    if gate["teacher"]:
        text = (
            f"On the training and validation structures, the forces of {gate['teacher']} have an "
            f"error of {gate['teacher_force_rmse']:.3f} eV/Å, those of training from scratch "
            f"{gate['scratch_force_rmse']:.3f} (cross-validated)."
        )
        lines += [text, ""]
    lines += [f"Kept, by the validation structures: {report['kept']}.", ""]
    steps = [[name, f"{seconds:.0f}"] for name, seconds in report["seconds"].items()]
    return "\n".join([*lines, *_markdown(["STEP", "SECONDS"], steps)]) + "\n"


def _markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]
