"""Errors of models on the same labelled structures."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from hub.counting import not_counting
from hub.datasets.loading import read_files_or_dataset
from hub.errors import DataError
from hub.evaluation import calibration_plot, parity, predictions_file
from hub.evaluation.report import Settings, require_report, write_report
from hub.evaluation.result import AS_IT_IS, SHIFTED, as_committee, assess, best_series
from hub.evaluation.uncertainty import predict_with_spread
from hub.library import open_model, own_test_set
from hub.potentials.loading import load_model
from hub.structures.stress_labels import StressReading
from registry.outputs import claim_outputs, require_file, require_free
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hub.counting import Counting
    from hub.evaluation.result import Evaluation
    from hub.library import OpenedVersion
    from hub.structures import ReadResult

_FILES = (predictions_file.FILE_NAME, parity.FILE_NAME, calibration_plot.FILE_NAME)
_COMMITTEE = "committee"  # the name of its folder


def evaluate_models(
    models: str | Path | Iterable[str | Path],
    data: str | Path | Iterable[str | Path] | None = None,
    *,
    labels: str = "",
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: str = "ase",
    device: str = "auto",
    dtype: str = "float64",
    out: str | Path | None = None,
    plot: str | Path | None = None,
    committee: bool = False,
    report: str | Path | None = None,
    counting: Counting = not_counting,
) -> list[Evaluation]:
    """Measure the errors of one or several models on labelled structures.

    Parameters
    ----------
    models
        One or several references, run folders or model directories.
    data
        Files in any format that ASE reads, patterns of such files, or a dataset. Energies or
        forces may be missing. By default, the test set of a single run folder.
    labels
        Label set of a dataset; the only one if empty.
    energy_key, forces_key, stress_key
        Names of the labels in the files (eV, eV/Å); detected if None.
    stress_convention
        Sign and unit of stresses: ``ase`` (eV/Å^3), ``compression``, ``gpa`` or ``vasp``.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
    dtype
        ``float64`` or ``float32``.
    out
        A directory for ``predictions.extxyz`` and ``parity.png``, with a folder for each model if
        there are several.
    plot
        A PNG to write: predictions of all models against the labels.
    committee
        Whether to evaluate the mean of the models, too, with the spread of their predictions.
    report
        An HTML page to write: settings, data, errors, plots, worst structures, lineage, citations.
    counting
        Called with the name of each task, ``reading``, ``pulling`` or ``predicting``; its result
        is called with the amount done and the total.

    Returns
    -------
    An evaluation of each model, in the order given, then that of the committee; a model given
    twice is evaluated once.

    Raises
    ------
    DataError
        If there are no data, or they cannot be read, or have neither energies nor forces; if a
        committee has less than two models, or the name of the report does not end in ``.html``.
    IncompatibleModelError
        If a structure contains an element that a model does not cover.
    ModelError
        If a model is malformed.
    RegistryError
        If a model or dataset cannot be pulled.
    StorageError
        If `out` contains other files, or cannot be written.
    """
    names = list(dict.fromkeys(texts(models)))
    if committee and len(names) < 2:
        raise DataError(
            f"a committee has at least two models, got {', '.join(names)}",
            "Name all its members: models that differ in their seeds or training data.",
        )
    places = own_test_set(names) if data is None else texts(data)
    if not places:
        raise DataError(
            f"no data to evaluate {', '.join(names)} on",
            "Give labelled structures. Only a single finished run folder has its own.",
        )
    folders = _folders(out, [*names, *([_COMMITTEE] if committee else [])])
    _require_outputs(folders, plot, report)
    stress = StressReading(stress_key, stress_convention)
    read = _read(places, labels, (energy_key, forces_key), stress, counting)
    opened = {name: open_model(name, counting("pulling")) for name in names}
    found = []
    for name, version in opened.items():
        found.append(_evaluate(name, version, read, device, dtype, counting))
        if name in folders:
            _write(folders[name], found[-1])
    if committee:
        found.append(as_committee(found))
        if _COMMITTEE in folders:
            _write(folders[_COMMITTEE], found[-1])
    if plot is not None:
        parity.parity_plot(user_path(plot), best_series(found), read.structures)
    if report is not None:
        options = {
            "--labels": labels,
            "--energy-key": energy_key,
            "--forces-key": forces_key,
            "--stress-key": stress_key,
            "--stress-convention": None if stress_convention == "ase" else stress_convention,
        }
        settings = Settings(places, options, device, dtype)
        write_report(user_path(report), found, opened, settings, counting)
    return found


def _require_outputs(
    folders: Mapping[str, Path], plot: str | Path | None, report: str | Path | None
) -> None:
    """Refuse outputs that cannot be written, before anything is computed."""
    for folder in folders.values():
        require_free(folder, _FILES)
    if plot is not None:
        require_file(user_path(plot))
    if report is not None:
        require_report(user_path(report))


def _read(
    places: Sequence[str],
    labels: str,
    keys: tuple[str | None, str | None],
    stress: StressReading,
    counting: Counting,
) -> ReadResult:
    """Read structures that have energies, forces or both."""
    progress = counting("reading")
    read = read_files_or_dataset(places, labels, *keys, progress, stress, require_labels=False)
    if not (read.energy_key or read.forces_key):
        raise DataError(
            f"no energies or forces found in {', '.join(places)}",
            "Name them with --energy-key and --forces-key; `hub check` lists the available keys.",
        )
    return read


def _evaluate(
    name: str,
    opened: OpenedVersion,
    read: ReadResult,
    device: str,
    dtype: str,
    counting: Counting,
) -> Evaluation:
    potential = load_model(opened.path, device=device, dtype=dtype)
    predictions, spread = predict_with_spread(potential, read.structures, counting)
    named = str(opened.version.reference) if opened.version else str(opened.path)
    return assess(name, named, read, predictions, spread)


def _write(folder: Path, found: Evaluation) -> None:
    """Write the predictions without shifts, and a parity plot without and with shifts."""
    structures = found.data.structures
    claim_outputs(folder, _FILES)
    predictions_file.write_predictions(
        folder / predictions_file.FILE_NAME, structures, found.predictions, found.spread
    )
    rows = {"": found.predictions}
    if found.shifted is not None:
        rows = {AS_IT_IS: found.predictions, SHIFTED: found.shifted}
    parity.parity_plot(folder / parity.FILE_NAME, rows, structures)
    if found.calibration:
        calibration_plot.calibration_plot(folder / calibration_plot.FILE_NAME, found)


def _folders(out: str | Path | None, names: Sequence[str]) -> dict[str, Path]:
    """Return a separate output folder for each model; none without `out`."""
    if out is None:
        return {}
    top = user_path(out)
    if len(names) == 1:
        return {names[0]: top}
    folders: dict[str, Path] = {}
    for name in names:
        stem = re.sub(r"[^\w.@=-]+", "-", Path(name).absolute().name).strip("-") or "model"
        wanted = (top / (stem if number == 1 else f"{stem}-{number}") for number in count(1))
        folders[name] = next(folder for folder in wanted if folder not in folders.values())
    return folders
