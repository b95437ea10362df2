"""The command that repeats how something was made, as far as its card or manifest records it.

What is not recorded is described in words alongside the command, never guessed.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MAX_FORCE = re.compile(r"with forces above (\S+) eV/Å")


class Recorded(NamedTuple):
    """A command, and what is not recorded about it.

    Attributes
    ----------
    command
        The command line; empty if unknown.
    unknown
        What is not recorded, in words.
    """

    command: str = ""
    unknown: tuple[str, ...] = ()


def finetuned(training: Mapping[str, Any], parent: str) -> Recorded:
    """Return how a model was fine-tuned or trained from scratch, from its card.

    Parameters
    ----------
    training
        As in the front matter of the card.
    parent
        The model that it was fine-tuned from; empty for random weights.
    """
    data = _mapping(training.get("data"))
    words = ["hub", "finetune"]
    for file in _texts(data.get("files")):
        words += ["--data", file]
    labels = label_set_of(data)
    words += _option("--labels", labels)
    if not labels:
        words += _option("--energy-key", data.get("energy_key"))
        words += _option("--forces-key", data.get("forces_key"))
    words += ["--model", parent] if parent else ["--from-scratch"]
    chosen = _mapping(_mapping(training.get("alchemical")).get("transmutation"))
    if chosen:
        scales = f"{chosen.get('scale')},{chosen.get('energy_scale')}"
        words += ["--alchemical", scales, *_pairs(chosen)]
    words += _option("--n-train", data.get("n_train"))
    recipe = _mapping(training.get("recipe"))
    words += ["--recipe", "paper"] if recipe.get("name") == "paper" else []
    words += _recipe(recipe, {"--stress-weight": "stress_weight"})
    words += _option("--seed", training.get("seed"))
    words += _method(training, recipe)
    for finding in _texts(data.get("allowed_findings")):
        words += ["--allow", finding.partition(":")[0]]
    unknown = ["whether --n-train, --test or stress options were given"]
    if not labels:
        unknown.append(f"where the data files are (sha256 of the structures {data.get('sha256')})")
    if not parent:
        unknown.append("which model the architecture is from, if not the default one")
    return Recorded(shlex.join(words), tuple(unknown))


def _method(training: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[str]:
    """Return the options for what was trained, and on which structures."""
    method = training.get("method", "full")
    words = ["--method", str(method)] if method != "full" else []
    rates = ",".join(f"{name}={rate}" for name, rate in _mapping(recipe.get("group_rates")).items())
    words += ["--group-rates", rates] if rates else []
    words += _option("--replayed", recipe.get("replayed")) if recipe.get("replayed", 1) != 1 else []
    if recipe.get("validation") == "trained-on":
        words += ["--stop", "k-fold" if recipe.get("folds") else "all"]
    return words


def pretrained(training: Mapping[str, Any]) -> Recorded:
    """Return how a model was pre-trained on a dataset, from its card."""
    data = _mapping(training.get("data"))
    left_out = (_MAX_FORCE.fullmatch(str(reason)) for reason in _mapping(data.get("left_out")))
    words = ["hub", "pretrain", "--data", str(data.get("dataset"))]
    words += _option("--labels", _mapping(data.get("labels")).get("name"))
    words += _option("--n-train", data.get("n_train"))
    words += _option("--where", data.get("where"))
    words += _option("--max-force", next((each[1] for each in left_out if each), None))
    recipe = _mapping(training.get("recipe"))
    words += ["--recipe", "paper"] if recipe.get("name") == "paper" else []
    words += _recipe(recipe, {"--max-hours": "max_hours"})
    words += _option("--seed", training.get("seed"))
    held_out = f"{data.get('n_validation')} for validation, {data.get('n_test')} for testing"
    unknown = (
        "--model-config: the settings of the architecture are in config.json of the model",
        f"--held-out: {held_out}",
    )
    return Recorded(shlex.join(words), unknown)


def label_set_of(data: Mapping[str, Any]) -> str:
    """Return the label set that a model was trained on; empty if it was trained on files."""
    parts = str(data.get("energy_key", "")).split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "labels" else ""


def started(job: Mapping[str, Any], command_line: str) -> Recorded:
    """Return the command that a run folder was started with."""
    architecture = job.get("architecture")
    if not architecture:
        return Recorded(command_line)
    settings = json.dumps(architecture, ensure_ascii=False)
    return Recorded(
        f"{command_line} --model-config model.json", (f"model.json, which contains {settings}",)
    )


def transmuted(how: Mapping[str, Any], source: str, name: str, version: str) -> Recorded:
    """Return how a model or dataset was transmuted, from its card or manifest."""
    words = ["hub", "transmute", source, *_pairs(how)]
    words += _option("--scale", how.get("scale"))
    words += _option("--energy-scale", how.get("energy_scale"))
    if how.get("forces") == "paper":
        words += ["--forces", "paper"]
    found_by = ("the data that the scales were fitted to",) if "found_by" in how else ()
    return Recorded(shlex.join([*words, *_named(name, version)]), found_by)


def relabelled(
    source: str, name: str, version: str, new_labels: Mapping[str, Mapping[str, Any]]
) -> Recorded:
    """Return how a dataset got a label set, from its manifest.

    Parameters
    ----------
    source
        The dataset that was labelled.
    name, version
        The new dataset.
    new_labels
        The label sets that `source` does not have.
    """
    if len(new_labels) != 1:
        return Recorded(f"hub relabel {shlex.quote(source)}", ("which label set is the new one",))
    ((labels, about),) = new_labels.items()
    words = ["hub", "relabel", source, "--teacher", str(about.get("teacher")), "--labels", labels]
    return Recorded(shlex.join([*words, *_named(name, version)]), teacher_settings(about))


def teacher_settings(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a label set records of its teacher's parameter file and options, as a remark."""
    source, digest = about.get("source"), about.get("parameters_digest")
    if not source and not digest:
        return ()
    sha256 = f" (sha256 {digest})" if digest else ""
    return (f"--params and --arguments, recorded only as: {source or 'a file'}{sha256}",)


def synthesized(
    how: Mapping[str, Any], onto: str, name: str, version: str, labels: Iterable[str]
) -> Recorded:
    """Return how structures were made by molecular dynamics, from a dataset's manifest."""
    teacher, stages = _mapping(how.get("teacher")), _mapping(how.get("stages"))
    words = ["hub", "synthesize"]
    words += _option("--element", how.get("element"))
    words += _option("--teacher", teacher.get("family"))
    if teacher.get("options"):
        words += ["--arguments", json.dumps(teacher["options"], ensure_ascii=False)]
    for option, key in (
        ("--trajectories", "trajectories"),
        ("--atoms", "n_atoms"),
        ("--density", "density"),
        ("--anneal-temperature", "anneal_temperature"),
    ):
        words += _option(option, _range(how.get(key)))
    words += _option("--melt-temperature", stages.get("melt_temperature"))
    times = [stages.get(key) for key in ("melt", "quench", "heat", "anneal", "cool")]
    if None not in times:
        words += ["--stages", ",".join(f"{time:g}" for time in times if time is not None)]
    words += _option("--timestep", how.get("timestep"))
    words += _option("--frame-interval", how.get("interval"))
    words += _option("--seed", how.get("seed"))
    new = list(labels)
    words += _option("--labels", new[0] if len(new) == 1 else None)
    words += _option("--onto", onto)
    file = str(teacher.get("parameters") or "")
    unknown = (f"--params: the file {file.rpartition('/')[2]}",) if file else ()
    return Recorded(shlex.join([*words, *_named(name, version)]), unknown)


def imported(name: str, version: str, onto: str, file: str = "") -> Recorded:
    """Return how a version was imported; manifests of datasets do not record the files."""
    words = ["hub", "import", file or "FILES", *_option("--onto", onto)]
    unknown = () if file else ("the files that were imported, and the options for reading them",)
    return Recorded(shlex.join([*words, *_named(name, version)]), unknown)


def _named(name: str, version: str) -> list[str]:
    return ["--name", name, "--version", version] if name else []


def _option(name: str, value: Any) -> list[str]:
    return [] if value in (None, "") else [name, str(value)]


def _recipe(recipe: Mapping[str, Any], more: Mapping[str, str]) -> list[str]:
    """Return options for the settings of a recipe; zero hours mean no limit."""
    options = {
        "--epochs": "max_epochs",
        "--learning-rate": "learning_rate",
        "--batch-size": "batch_size",
        **more,
    }
    words = []
    for option, key in options.items():
        value = recipe.get(key)
        words += _option(option, None if key == "max_hours" and not value else value)
    return words


def _pairs(how: Mapping[str, Any]) -> list[str]:
    pairs = how.get("pairs")
    if not isinstance(pairs, list) or not pairs:
        return []
    return ["--element-map", ",".join(f"{old}={new}" for old, new in pairs)]


def _range(value: Any) -> Any:
    return ":".join(f"{each:g}" for each in value) if isinstance(value, list | tuple) else value


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def _mapping(content: Any) -> Mapping[str, Any]:
    return content if isinstance(content, dict) else {}
