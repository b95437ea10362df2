"""What a report says, gathered from evaluations as plain texts, numbers and pictures."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from hub import __version__
from hub.datasets.loading import is_dataset_name
from hub.devices import choose_device, device_name
from hub.evaluation.forgetting import forgetting_text
from hub.evaluation.metrics import ALL, error_table, number
from hub.evaluation.report import drawings, plots
from hub.evaluation.report.worst import worst_structures
from hub.evaluation.result import SHIFTED, error_series
from hub.evaluation.tables import calibration_tables, detail_tables
from hub.history.citations import cite
from hub.history.step import front_matter, mapping
from hub.history.tracer import lineage
from hub.potentials.architectures import architecture_of, read_config
from hub.structures.checks import check_structures
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import read_text
from registry.errors import RegistryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hub.counting import Counting
    from hub.evaluation.report.worst import Badly
    from hub.evaluation.result import Evaluation
    from hub.history.step import Step
    from hub.library import OpenedVersion
    from hub.structures.arrays import FloatArray
    from hub.structures.structure_set import StructureSet

_MOST_NAMED = 5  # structures of a finding
_MOST_PICTURES = 8  # of one model; of several, half as many each


@dataclass(frozen=True)
class Settings:
    """How the models were evaluated.

    Attributes
    ----------
    places
        Files or the dataset, as the caller named them.
    options
        Options of the command line and their values; None or empty if they were not given.
    device, dtype
        Where and in which precision they were computed.
    """

    places: tuple[str, ...]
    options: Mapping[str, str | None]
    device: str
    dtype: str

    def command(self, names: Sequence[str], *, committee: bool) -> str:
        """Return the command line that repeats the evaluation."""
        words = ["hub", "evaluate", *names]
        for place in self.places:
            words += ["--data", place]
        for option, value in self.options.items():
            words += [option, value] if value else []
        words += ["--device", self.device, "--dtype", self.dtype]
        return shlex.join([*words, *(["--committee"] if committee else [])])


def gather(
    found: Sequence[Evaluation],
    opened: Mapping[str, OpenedVersion],
    settings: Settings,
    counting: Counting,
) -> dict[str, Any]:
    """Return all that the template needs.

    Parameters
    ----------
    found
        The evaluations; a committee's mean has no entry in `opened`.
    opened
        The files of each model by its name.
    settings
        How they were evaluated.
    counting
        As for `hub.evaluate`.
    """
    names = list(opened)
    return {
        "title": f"Errors of {', '.join(each.name for each in found)}",
        "made": f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC",
        "release": __version__,
        "headlines": [_headline(each) for each in found],
        "settings": _settings(settings, names, committee=len(found) > len(names)),
        "models": [_model(each, opened[each.name]) for each in found if each.name in opened],
        "shifts": [_shift(each) for each in found if each.shifts],
        "data": _data(found[0], opened[names[0]], counting),
        "errors": error_table(error_series(found)),
        "comparison": plots.comparison(found),
        "parity": plots.parity(found),
        "details": detail_tables(found),
        "calibration": calibration_tables(found),
        "calibrations": [plots.calibration(each) for each in found if each.calibration],
        "worst": [_worst(each, len(found)) for each in found],
        **_origins([*names, *filter(is_dataset_name, settings.places)]),
    }


def _headline(found: Evaluation) -> dict[str, str]:
    errors = found.best_errors[ALL]
    return {
        "name": found.name,
        "energy": number(errors.energy_rmse, 1),
        "forces": number(errors.force_rmse, 3),
        "stress": number(errors.stress_rmse, 2),
        "shifted": SHIFTED if found.shifted else "",
    }


def _settings(settings: Settings, names: Sequence[str], *, committee: bool) -> dict[str, str]:
    return {
        "command": settings.command(names, committee=committee),
        "device": device_name(choose_device(settings.device)),
        "precision": settings.dtype,
    }


def _model(found: Evaluation, opened: OpenedVersion) -> dict[str, str]:
    config = read_config(opened.path)
    identity, card = opened.as_parent(""), _card(opened.path / CARD_NAME)
    return {
        "training": _training(card),
        "forgetting": _forgetting(mapping(card, "forgetting")),
        "name": found.name,
        "model": found.model,
        "digest": identity.get("digest") or identity.get("weights_sha256", ""),
        "architecture": architecture_of(config).title,
        "elements": ", ".join(config.type_names),
        "cutoff": f"{config.r_max:g} Å",
    }


def _card(path: Path) -> Mapping[str, Any]:
    """Return the front matter of a card; empty without one that can be read."""
    try:
        return front_matter(read_text(path) if path.is_file() else "", str(path))
    except SettingsError:
        return {}  # The lineage, which begins with the same card, tells why.


def _forgetting(stated: Mapping[str, Any]) -> str:
    """Return what a card says of structures far from the data; empty if that is not readable."""
    try:
        return f"{stated['source']}: {forgetting_text(stated)}"
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""


def _training(stated: Mapping[str, Any]) -> str:
    """Return what a card says of a training, in words; empty if it says nothing.

    Cards are written by others, so that nothing in them is taken for granted.
    """
    training = mapping(stated, "training")
    named = {
        "training structures": mapping(training, "data").get("n_train"),
        "validation structures": mapping(training, "data").get("n_validation"),
        "recipe": mapping(training, "recipe").get("name"),
        "seed": training.get("seed"),
        "epochs": training.get("epochs"),
        "best epoch": training.get("best_epoch"),
    }
    return ", ".join(
        f"{name} {value}" for name, value in named.items() if isinstance(value, int | str)
    )


def _shift(found: Evaluation) -> dict[str, str]:
    energies = found.shifts.energies.items() if found.shifts else ()
    shifts = ", ".join(f"{symbol} {value:+.4f}" for symbol, value in energies)
    return {"name": found.name, "shifts": shifts}


def _data(found: Evaluation, first: OpenedVersion, counting: Counting) -> dict[str, Any]:
    read, structures = found.data, found.data.structures
    config = read_config(first.path)
    findings = check_structures(structures, config.type_names, config.r_max, counting("checking"))
    sizes = structures.n_atoms
    labels = {"energies": read.energy_key, "forces": read.forces_key}
    labels["stresses"] = " and ".join(read.stress_keys)
    return {
        "files": list(structures.sources),
        "structures": f"{len(structures)} structures of {sizes.min()} to {sizes.max()} atoms",
        "atoms": str(sizes.sum()),
        "scatter": number(1000 * _scatter(structures.energies / sizes), 1),
        "force": number(_rms(structures.force_labels), 3),
        "elements": ", ".join(structures.elements),
        "types": Counter(name for name in structures.config_types.tolist() if name),
        "labels": {quantity: key for quantity, key in labels.items() if key},
        "digest": structures.digest(),
        "notes": list(read.notes),
        "findings": [
            {
                "severity": each.severity,
                "code": each.code,
                "message": each.message,
                "where": _where(structures, each.structures),
                "advice": each.advice,
            }
            for each in findings
        ],
    }


def _scatter(values: FloatArray) -> float:
    """Return the standard deviation of the known values, in their unit; NaN if there are none."""
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size else float("nan")


def _rms(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")


def _where(structures: StructureSet, indices: Sequence[int]) -> str:
    named = ", ".join(structures.where(index) for index in indices[:_MOST_NAMED])
    more = len(indices) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _worst(found: Evaluation, n_models: int) -> dict[str, Any]:
    """Describe and draw the worst structures of one model."""
    worst = worst_structures(found, _MOST_PICTURES if n_models == 1 else _MOST_PICTURES // 2)
    largest = max((each.largest for each in worst if each.largest > 0), default=0.0)
    return {
        "name": found.name,
        "scale": drawings.colour_bar(largest) if largest else None,
        "structures": [_badly(found.data.structures, each, largest) for each in worst],
    }


def _badly(structures: StructureSet, each: Badly, largest: float) -> dict[str, str]:
    atoms = structures.to_atoms(each.index)
    return {
        "where": structures.where(each.index),
        "formula": structures.formula(each.index),
        "type": str(structures.config_types[each.index]),
        "energy": f"{each.energy_error:+.1f}" if np.isfinite(each.energy_error) else "",
        "forces": number(each.force_rmse, 3),
        "largest": number(each.largest, 3),
        "picture": drawings.structure_picture(atoms, each.atom_errors, largest),
    }


def _origins(names: Sequence[str]) -> dict[str, Any]:
    """Return lineages and citations, or why they cannot be told."""
    steps: list[Step] = []
    texts: list[str] = []
    without: list[str] = []
    problems: list[str] = []
    for name in dict.fromkeys(names):
        try:
            steps.append(lineage(name))
            citations = cite(name)
        except RegistryError as problem:
            problems.append(f"{name}: {problem.message}")
            continue
        texts += [str(entry) for entry in citations.entries]
        without += citations.without
    return {
        "lineages": steps,
        "citations": list(dict.fromkeys(texts)),
        "without": list(dict.fromkeys(without)),
        "untold": problems,
    }
