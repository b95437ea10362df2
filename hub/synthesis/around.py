"""Make structures around given ones, labelled by a teacher, and publish them as a dataset."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypedDict

from hub.datasets.card import Description
from hub.datasets.importing import import_dataset
from hub.datasets.layout import LabelSet, check_label_name
from hub.dates import today
from hub.jobs.choosing import choose_pool
from hub.jobs.out_folder import at_work, require_new
from hub.jobs.pool import LocalPool
from hub.jobs.unfinished import Unfinished
from hub.library import catalogue
from hub.structures.stress_labels import StressReading
from hub.synthesis.around_frames import around_source, distinct
from hub.synthesis.around_schedule import Schedule
from hub.synthesis.neighbourhoods import NAMES, AroundCampaign
from hub.synthesis.parents import Divided, divide, write_split
from hub.synthesis.running import Synthesized, label_name
from hub.teachers.driver import ask_teacher
from hub.teachers.spec import specify
from registry.origins import LOCAL
from registry.paths import texts, user_path
from registry.publishing import check_free
from registry.removal import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from hub.datasets.importing import Source
    from hub.jobs.pool import Pool
    from hub.schemas import Convention
    from hub.synthesis.chains import Neighbourhood
    from hub.teachers.spec import TeacherSpec

_BEGUN = "begun.json"


class Begun(TypedDict):
    """How the structures are made, and the labels of their teacher."""

    teacher: dict[str, Any]
    schedule: dict[str, Any]
    seed: int
    parents: str
    test: str
    labels: str
    provenance: dict[str, Any]
    isolated_atoms: dict[str, float]
    date: str


def synthesize_around(
    data: str | Path | Iterable[str | Path],
    *,
    name: str,
    teacher: TeacherSpec | str,
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
    schedule: Mapping[str, Any] | None = None,
    data_labels: str = "",
    test: str | Path | Iterable[str | Path] = (),
    n_train: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: Convention = "ase",
    version: str = "1.0.0",
    labels: str = "",
    jobs: int | None = None,
    dask: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    resume: bool = False,
    to: str | None = None,
    description: str = "",
    license: str = "",  # noqa: A002 - the option's name
    progress: Callable[[int, int | None], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> Synthesized:
    """Make structures around given ones, label them with a teacher, and publish them as a dataset.

    The given structures are those that `hub.finetune` trains on with the same `n_train` and `seed`;
    no structure is made around those of the validation and test sets. Each structure has the
    columns ``parent``, ``chain``, ``step``, ``run_id`` (a number for each chain) and ``is_parent``.

    Parameters
    ----------
    data
        Files in any format that ASE reads, patterns of such files, or a dataset.
    name, version
        Name and version of the new dataset.
    teacher, params, arguments, python
        Teacher that labels the structures: a name, with its parameter file, options and the
        interpreter of its environment; or a complete specification.
    schedule
        Numbers of `hub.synthesis.around_schedule.Schedule` that differ from their defaults.
    data_labels
        Label set if `data` is a dataset; the only one if empty.
    test
        Files of test structures; structures that are also in them are not used.
    n_train
        Number of training structures (random subset); all but the validation set if None.
    seed
        Random seed of the split and of the structures.
    out
        A new folder for the files of the split, ``train.extxyz``, ``validation.extxyz`` and
        ``test.extxyz``; they are not written if None.
    energy_key, forces_key, stress_key, stress_convention
        As for `hub.finetune`; written to `out`, and not used otherwise.
    labels
        Name of the label set; the teacher's if empty.
    jobs, dask, slurm, pool
        As for `hub.synthesize`.
    resume
        Resume an interrupted synthesis.
    to, description, license
        As for `hub.synthesize`.
    progress
        Called with the number of given structures done, and their total.
    report
        Called with notes on the split, and with a line for each structure whose calls failed.

    Raises
    ------
    DataError
        If the data cannot be read, or are too few.
    SynthesisError
        If the schedule is invalid, or no structure could be labelled.
    JobError
        If the unfinished synthesis was started with other settings, the pool is lost, or `out` is
        not empty.
    TeacherError
        If the teacher cannot be used.
    ExistsError
        If the version already exists, another process is making it, or it is unfinished and
        `resume` is not given.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    spec, numbers = specify(teacher, params, arguments, python), Schedule.read(schedule)
    labels = check_label_name(labels or label_name(spec.family))
    names, to = catalogue(), to or LOCAL
    check_free(names, name, version, to)
    folder = user_path(out) if out is not None else None
    if folder:
        require_new(folder, "*.extxyz", resume=resume)
    divided = divide(
        texts(data),
        data_labels,
        texts(test),
        n_train,
        seed,
        energy_key=energy_key,
        forces_key=forces_key,
        stress=StressReading(stress_key, stress_convention),
        require_labels=False,
    )
    for note in divided.notes:
        if report:
            report(note)
    # Labels may have taken days: keep them outside the folder that is cleaned of leftovers.
    place = names.local.root / "synthesis" / f"{name}-{version}"
    what = f"the structures of {name}@{version}"
    unfinished = Unfinished(place, what, _BEGUN, NAMES.pattern)
    with unfinished.held(names.local):
        with pool or choose_pool(jobs, dask, slurm, spec.python) or LocalPool() as workers:
            begun = _begin(
                unfinished,
                settings_of(spec, numbers, seed, divided, labels, workers),
                resume=resume,
            )
            campaign = AroundCampaign(
                place, spec, divided.parents, numbers, seed, workers, progress, report
            )
            found = campaign.run()
        if folder:
            with at_work(folder):
                write_split(folder, divided)
        source = source_of(found, divided, begun)
        imported = import_dataset(
            source,
            name,
            version,
            labels=labels,
            to=to,
            resume=True,
            description=describe(Description(description, license), begun, found),
        )
        unfinished.retire(names.local)
    return Synthesized(imported.version, imported.facts, {})


def settings_of(
    spec: TeacherSpec,
    schedule: Schedule,
    seed: int,
    divided: Divided,
    labels: str,
    pool: Pool,
) -> Begun:
    """Return the settings of a synthesis, asking the teacher for its description.

    Raises
    ------
    TeacherError
        If it cannot be opened.
    """
    described = ask_teacher(pool, spec, divided.parents.elements)
    # Subtracted for all elements or for none: energies of the teacher have one zero.
    isolated = {} if described.failures else described.isolated_atoms
    settings = asdict(spec)
    # The interpreter, and the path of a file, belong to this machine.
    del settings["python"]
    settings["family"] = described.provenance["teacher"]
    return {
        "teacher": settings,
        "schedule": asdict(schedule),
        "seed": seed,
        "parents": divided.parents.digest(),
        "test": divided.test.digest(),
        "labels": labels,
        "provenance": described.provenance,
        "isolated_atoms": isolated,
        "date": today(),
    }


def source_of(found: list[Neighbourhood], divided: Divided, begun: Begun) -> Source:
    """Return the distinct structures that were made, without those of the test set."""
    parents = divided.parents
    kept = distinct(found, parents, divided.test)
    return around_source(kept, parents, begun["isolated_atoms"], describe=begun)


def describe(given: Description, begun: Begun, found: list[Neighbourhood]) -> Description:
    """Describe how the structures were made: in one line, and in full for the manifest."""
    teacher = begun["teacher"]["family"]
    text = given.text or f"Structures around {len(found)} given ones, labelled by {teacher}"
    return replace(given, text=text, labels=label_set(begun), made=(how_made(begun, found),))


def label_set(begun: Begun) -> LabelSet:
    """Return the description of the teacher's labels."""
    isolated = begun["isolated_atoms"]
    return LabelSet(
        **begun["provenance"],
        reference_energies=dict.fromkeys(isolated, 0.0),
        subtracted_energies=isolated,
        date=begun["date"],
    )


def how_made(begun: Begun, found: list[Neighbourhood]) -> dict[str, Any]:
    """Return how the structures were made, as JSON."""
    return {
        "method": "chains of strain, rattle and relaxation around given structures",
        "teacher": {**begun["teacher"], **begun["provenance"]},
        "schedule": begun["schedule"],
        "seed": begun["seed"],
        "given": {"structures": len(found), "sha256": begun["parents"]},
        "calls_failed": sum(len(each.failures) for each in found),
        "calls_with_large_forces": sum(each.too_large for each in found),
        "units": {"lengths": "Å", "relax": "Å^2/eV", "temperature": "K", "max_force": "eV/Å"},
    }


def _begin(unfinished: Unfinished, now: Begun, *, resume: bool) -> Begun:
    """Record the settings, or compare them with those of an unfinished run."""
    if any(entries(unfinished.folder, NAMES)):
        begun = unfinished.begun(Begun, resume=resume)
        if begun is not None:
            unfinished.require_same(begun, {**now, "date": begun["date"]})
            return begun
    unfinished.begin(now)
    return now
