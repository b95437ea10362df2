"""Label a dataset with a teacher: a new version that shares everything else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from hub.datasets.card import Description, describe, made_of, summarise
from hub.datasets.dataset import Dataset
from hub.datasets.labelling import add_label_set, refuse_existing
from hub.datasets.layout import LabelSet
from hub.datasets.making import publish_dataset
from hub.datasets.names import STRESS
from hub.dates import today
from hub.errors import DataError, TeacherError
from hub.jobs.choosing import choose_pool
from hub.jobs.pool import LocalPool
from hub.jobs.unfinished import Unfinished
from hub.library import catalogue
from hub.teachers.driver import Driver, ask_teacher
from hub.teachers.label_segments import CONTENT, OURS, SETTINGS, LabelSegments
from hub.teachers.spec import specify
from hub.teachers.verifying import compare_again
from registry.cards import split_front_matter
from registry.manifest import Parent
from registry.origins import LOCAL
from registry.publishing import check_free
from registry.references import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.teachers.driver import Progress, Report
    from hub.teachers.labelling import Described
    from hub.teachers.spec import TeacherSpec
    from hub.teachers.verifying import Verification
    from registry.catalogue import Catalogue
    from registry.versions import LocalVersion


@dataclass(frozen=True)
class Relabelled:
    """A finished relabelling.

    Attributes
    ----------
    version
        The new version.
    facts
        Summary of its content; see `hub.datasets.card.summarise`.
    failures
        Why structures have no labels, by their number in the dataset.
    verification
        Result of computing labels again, if requested.
    """

    version: LocalVersion
    facts: dict[str, Any]
    failures: dict[int, str] = field(default_factory=dict)
    verification: Verification | None = None


class _Settings(Struct, forbid_unknown_fields=True, frozen=True):
    """Settings of an unfinished relabelling.

    Attributes
    ----------
    who
        The dataset, the label set, and everything that the labels depend on.
    about
        Metadata of the label set.
    properties
        Those of `hub.datasets.names.PROPERTIES` that it has. Label sets started by releases without
        properties continue without them.
    """

    who: dict[str, Any]
    about: LabelSet
    properties: tuple[str, ...] = ()


def relabel(
    dataset: str,
    teacher: TeacherSpec | str,
    labels: str,
    *,
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
    name: str = "",
    version: str = "",
    to: str | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    verify: int | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    report: Report | None = None,
) -> Relabelled:
    """Label all structures of a dataset.

    The energies of the teacher's isolated atoms are subtracted from its energies, and recorded as
    the label set's ``subtracted_energies``. A structure that cannot be labelled has NaN.

    Parameters
    ----------
    dataset
        A dataset reference.
    teacher
        The teacher's name, e.g. ``lcbop`` or ``kim:MODEL``, or its complete specification.
    labels
        Name of the new label set.
    params
        Parameter file of the teacher.
    arguments
        Options of the teacher.
    python
        Interpreter of another environment that has the teacher, numpy and ASE. By default that of
        `hub teachers NAME --install` for teachers that need their own, else this one.
    name, version
        Name and version of the result; if empty the dataset's own name and its next minor version
        (1.0.0 under another name).
    to
        Registry to publish to: a name or a directory; this machine's own if None.
    jobs
        Number of processes; one for each core if None.
    dask
        Address of a Dask scheduler to run on.
    slurm
        Arguments of ``dask_jobqueue.SLURMCluster``, to run in SLURM jobs.
    pool
        Where to run, instead of `jobs`, `dask` and `slurm`.
    verify
        Number of labels to compute again and compare before publishing.
    resume
        Resume an interrupted relabelling.
    progress
        Called with the number of structures done, and their total.
    report
        Called with a line for each structure that cannot be labelled, and if there are no stresses.

    Raises
    ------
    DataError
        If it is not a dataset, or the label set already exists.
    JobError
        If the unfinished relabelling was started with other settings, or the pool is lost.
    TeacherError
        If the teacher cannot be used, or cannot label any structure.
    LabelsDisagreeError
        If recomputed labels differ; nothing is published then.
    ExistsError
        If the version already exists, another process is making it, or it is unfinished and
        `resume` is not given.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    spec = specify(teacher, params, arguments, python)
    to = to or LOCAL
    names = catalogue()
    base = names.pull(Reference.parse(dataset))
    if base.manifest.kind != "dataset":
        raise DataError(f"{base.reference} is a {base.manifest.kind}, not a dataset")
    source = Dataset(base.path, str(base.reference))
    refuse_existing(source, labels)
    version = version or _next_version(base, name)
    name = name or base.manifest.name
    check_free(names, name, version, to)
    # Labels may have taken days: keep them outside the folder that is cleaned of leftovers.
    place = names.local.root / "relabelling" / f"{name}@{version}"
    unfinished = Unfinished(place, f"the labels of {name}@{version}", SETTINGS, OURS)
    with unfinished.held(names.local):
        segments = LabelSegments(place)
        content = place / CONTENT
        with pool or choose_pool(jobs, dask, slurm, spec.python) or LocalPool() as workers:
            begun = _begin(unfinished, base, source, spec, labels, workers, report, resume=resume)
            about = begun.about
            isolated_atoms = about.subtracted_energies
            Driver(source, segments, spec, isolated_atoms, begun.properties, progress, report).run(
                workers
            )
            failures = _failures(segments, source, unfinished)
            labelled = add_label_set(base.path, content, labels, about, segments.labels())
            verification = (
                compare_again(labelled, labels, spec, verify, workers) if verify else None
            )
        facts = summarise(labelled)
        published = _publish(names, content, base, name, version, facts, to)
        unfinished.retire(names.local)
    return Relabelled(published, facts, failures, verification)


def _next_version(base: LocalVersion, name: str) -> str:
    if name not in ("", base.manifest.name):
        return "1.0.0"
    major, minor, _ = base.manifest.version.split(".")
    return f"{major}.{int(minor) + 1}.0"


def _begin(
    unfinished: Unfinished,
    base: LocalVersion,
    source: Dataset,
    spec: TeacherSpec,
    labels: str,
    pool: Pool,
    report: Report | None,
    *,
    resume: bool,
) -> _Settings:
    """Get the teacher's description, and resume an unfinished run of the same teacher, if any."""
    begun = unfinished.begun(_Settings, resume=resume)
    others = {path.name for path in unfinished.folder.parent.glob(f"{base.manifest.name}@*")}
    if begun is None and resume and others:
        raise DataError(
            f"no unfinished relabelling matches, but there is {' and '.join(sorted(others))}",
            "Give the dataset with the version used then, and the version of the result with "
            "--version.",
        )
    # The energies of isolated atoms are computed only once.
    described = ask_teacher(pool, spec, source.elements if begun is None else ())
    who = {
        "dataset": base.digest,
        "labels": labels,
        "family": spec.family,
        "options": spec.options,
        "provenance": described.provenance,
    }
    reason = "" if described.gives_stress else f"teacher {spec.family} does not compute them"
    if not source.read("structures/pbc").all(axis=1).any():
        reason = "no structure is periodic in all three directions"
    if begun is None:
        begun = _Settings(who, _describe_labels(described), () if reason else (STRESS,))
        unfinished.begin(begun)
    elif not begun.properties:
        reason = reason or "they were not computed by the earlier release that started this run"
    if reason and report:
        report(f"the labels have no stresses: {reason}")
    unfinished.require_same(begun.who, who)
    return begun


def _describe_labels(described: Described) -> LabelSet:
    if not described.isolated_atoms:
        reasons = "; ".join(f"{each}: {reason}" for each, reason in described.failures.items())
        raise TeacherError(
            f"the teacher gives no isolated-atom energy for any element ({reasons})",
            "Does it cover the elements of the dataset? See `hub teachers`.",
        )
    return LabelSet(
        **described.provenance,
        reference_energies=dict.fromkeys(described.isolated_atoms, 0.0),
        subtracted_energies=described.isolated_atoms,
        date=today(),
    )


def _failures(segments: LabelSegments, source: Dataset, unfinished: Unfinished) -> dict[int, str]:
    """Return why structures have no labels; if none has any, discard the run and raise."""
    failures = segments.failures()
    if len(failures) < len(source):
        return failures
    unfinished.abandon()
    number, reason = next(iter(failures.items()))
    raise TeacherError(
        f"none of the {len(source)} structures could be labelled; {source.name}[{number}]: "
        f"{reason}",
        "Try the teacher on a single structure, and check its parameters.",
    )


def _publish(
    names: Catalogue,
    content: Path,
    base: LocalVersion,
    name: str,
    version: str,
    facts: dict[str, Any],
    to: str,
) -> LocalVersion:
    manifest = base.manifest
    card = names.readme(base)
    before = split_front_matter(card, f"the card of {base.reference}")[0] if card else {}
    text = manifest.metadata.get("description", "")
    if text == describe(manifest.metadata["dataset"]):
        text = ""  # generated: it names the label sets
    about = Description(
        text or describe(facts), manifest.licence, before.get("citation", ""), made=made_of(base)
    )
    parent = Parent(manifest.name, manifest.version, base.digest, "relabelled")
    return publish_dataset(
        content,
        name,
        version,
        about,
        facts,
        metadata=manifest.metadata,
        parents=[parent],
        to=to,
    )
