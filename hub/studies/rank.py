"""Rank foundation models on labelled structures, beside training from scratch."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hub.errors import JobError
from hub.jobs.choosing import choose_pool
from hub.jobs.out_folder import at_work, require_new
from hub.jobs.pool import LocalPool
from hub.potentials.architectures import architecture_settings, new_config
from hub.structures.stress_labels import StressReading
from hub.structures.structure_set import StructureSet
from hub.studies.candidates import candidate, candidates_for
from hub.studies.rank_candidates import BEGUN, SAMPLE, Trial, rank_candidates, sampled
from hub.studies.rank_table import PLOT_NAME, TABLE_NAME, rank_plot, write_table
from hub.studies.ranking import Ranking, advise
from hub.synthesis.parents import divide
from hub.training.run_files import write_json
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hub.jobs.pool import Pool
    from hub.schemas import Convention

RESULT = "ranking.json"
# A small and fast model, which is enough for a few structures.
STUDENT = {"num_layers": 2, "num_features": 32, "r_max": 5.0}
_OPTIONS = {
    "num_layers": "--layers", "num_features": "--features", "l_max": "--l-max", "r_max": "--cutoff",
}  # fmt: skip


def rank(
    data: str | Path | Iterable[str | Path],
    *,
    model: str | Iterable[str] = (),
    labels: str = "",
    test: str | Path | Iterable[str | Path] = (),
    n_train: int | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
    out: str | Path | None = None,
    alchemical: bool = True,
    model_config: str | Path | Mapping[str, Any] | None = None,
    layers: int | None = None,
    features: int | None = None,
    l_max: int | None = None,
    parity: bool | None = None,
    cutoff: float | None = None,
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: Convention = "ase",
    allow: Iterable[str] = (),
    jobs: int | None = None,
    pool: Pool | None = None,
    resume: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> Ranking:
    """Rank foundation models on labelled structures, beside training from scratch.

    Each model predicts the structures in a process of its own; its energies are shifted for each
    element. Training from scratch, and the transfer of a model of another element, are
    cross-validated. If nothing beats training from scratch, so is a short fine-tuning of the best
    model that can be trained. Test structures are never used.

    Parameters
    ----------
    data
        Files in any format that ASE reads, patterns of such files, or a dataset.
    model
        Models or teachers to rank; all that cover the elements and are usable here if empty.
    labels
        Label set of a dataset; the only one if empty.
    test
        Files of test structures; structures that are also in them are not used.
    n_train
        Number of training structures, as for `hub.finetune`; their validation set is used, too.
    sample
        Maximum number of structures (random subset).
    seed
        Random seed of split, subset and trainings.
    out
        A folder for tables, a plot, and what is needed to resume; new or empty, unless `resume`.
    alchemical
        Whether to also try models transferred from another element, for data of one element.
    model_config, layers, features, l_max, parity, cutoff
        Architecture of the model from scratch: 2 layers, 32 features and 5 Å if not given.
    energy_key, forces_key, stress_key, stress_convention, allow
        As for `hub.finetune`.
    jobs
        Number of parallel training runs, each with one thread; one for each core if None.
    pool
        Where the trainings run, instead of `jobs`.
    resume
        Resume in `out`; finished models are kept.
    progress
        Called with the number of models done, and their total.
    report
        Called with notes, and a line for each model that fails.

    Raises
    ------
    DataError
        If the data cannot be read or trained on, or are too few.
    TeacherError
        If one of `model` is unknown.
    JobError
        If `out` was begun with other settings, is in use, or is not empty.
    StorageError
        If the disk is full or cannot be written.
    """
    if resume and out is None:
        raise JobError("no folder to resume given", "Give the folder of the first run: --out DIR")
    architecture = student_settings(
        model_config,
        layers=layers,
        features=features,
        l_max=l_max,
        parity=parity,
        cutoff=cutoff,
    )
    divided = divide(
        texts(data),
        labels,
        texts(test),
        n_train,
        seed,
        energy_key=energy_key,
        forces_key=forces_key,
        stress=StressReading(stress_key, stress_convention),
    )
    structures = StructureSet.concatenate([divided.train, divided.validation])
    trial = Trial(sampled(structures, sample, seed), architecture, seed, tuple(allow))
    words = data_words(texts(data), labels, texts(test), n_train, seed)
    names = texts(model)
    chosen = [candidate(name) for name in names] if names else candidates_for(structures.elements)
    folder = user_path(out) if out is not None else None
    if folder:
        require_new(folder, BEGUN, resume=resume)
    with ExitStack() as exits:
        place = folder or Path(exits.enter_context(TemporaryDirectory()))
        exits.enter_context(at_work(place))
        workers = exits.enter_context(pool or choose_pool(jobs) or LocalPool())
        rows = rank_candidates(
            trial,
            chosen,
            place,
            workers,
            alchemical=alchemical,
            finetunes=True,
            progress=progress,
            report=report,
        )
        advice = advise(rows, words, architecture_words(architecture))
        ranking = Ranking(rows, len(trial.measured), advice)
        if folder:
            write_json(folder / RESULT, ranking.to_json())
            write_table(folder / TABLE_NAME, ranking)
            rank_plot(folder / PLOT_NAME, ranking)
    return ranking


def student_settings(
    config: str | Path | Mapping[str, Any] | None = None, **given: Any
) -> dict[str, Any]:
    """Return the settings of a small model, with those that were given.

    Parameters
    ----------
    config, given
        As for `hub.potentials.architectures.architecture_settings`.

    Raises
    ------
    TrainingError
        If they are invalid.
    """
    chosen = architecture_settings(config, **given)
    settings = chosen if "architecture" in chosen else STUDENT | chosen
    new_config(settings, ("C",), "the architecture")
    return settings


def architecture_words(settings: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line that choose settings that have an option."""
    words = []
    for name, option in _OPTIONS.items():
        if name in settings:
            words += [option, f"{settings[name]:g}"]
    if "parity" in settings:
        words.append("--parity" if settings["parity"] else "--no-parity")
    return words


def data_words(
    data: Sequence[str], labels: str, test: Sequence[str], n_train: int | None, seed: int
) -> list[str]:
    """Return the words of a command line that choose the data and their split."""
    words = [word for each in data for word in ("--data", each)]
    words += ["--labels", labels] if labels else []
    words += [word for each in test for word in ("--test", each)]
    words += [] if n_train is None else ["--n-train", str(n_train)]
    return words + (["--seed", str(seed)] if seed else [])
