"""Give a dataset the labels of a teacher: a new version that shares all the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from hub.datasets.card import Description, describe, made_of, summarise
from hub.datasets.dataset import Dataset
from hub.datasets.labelling import add_label_set, refuse_existing
from hub.datasets.layout import LabelSet
from hub.datasets.making import publish_dataset
from hub.datasets.names import STRESS
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
        What is in it; see `hub.datasets.card.summarise`.
    failures
        Why structures have no labels, by their number in the dataset.
    verification
        What came of computing labels again, if that was asked for.
    """

    version: LocalVersion
    facts: dict[str, Any]
    failures: dict[int, str] = field(default_factory=dict)
    verification: Verification | None = None


class _Settings(Struct, forbid_unknown_fields=True, frozen=True):
    """By which settings labels are made.

    Attributes
    ----------
    who
        The dataset, the label set, and all that the labels depend on.
    about
        What is known about the label set.
    properties
        Which of `hub.datasets.names.PROPERTIES` it has. Those begun by releases before there were
        any go on without.
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
        A reference.
    teacher
        The teacher's name, such as ``lcbop`` or ``kim:MODEL``, or its whole specification.
    labels
        Name of the new label set.
    params
        Parameter file of the teacher.
    arguments
        Options of the teacher.
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
        Where to run, in place of `jobs`, `dask` and `slurm`.
    verify
        Number of labels to compute again and compare before publishing.
    resume
        Resume an interrupted relabelling.
    progress
        Called with the number of structures done, and of all.
    report
        Called with a line for each structure that cannot be labelled, and if there are no stresses.

    Raises
    ------
    DataError
        If it is no dataset, or has such a label set.
    JobError
        If what is unfinished was begun in another way, or the pool is lost.
    TeacherError
        If the teacher cannot be used, or labels no structure at all.
    LabelsDisagreeError
        If computing labels again gives others; nothing is published then.
    ExistsError
        If the version exists, another process makes it now, or it is unfinished and `resume` is
        not given.
    StorageError
        If the disk is full or cannot be written; `resume` goes on from there.
    """
    spec = specify(teacher, params, arguments)
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
    # Labels may have taken days: they do not lie where what is left over is swept away.
    place = names.local.root / "relabelling" / f"{name}@{version}"
    unfinished = Unfinished(place, f"the labels of {name}@{version}", SETTINGS, OURS)
    with unfinished.held(names.local):
        segments = LabelSegments(place)
        content = place / CONTENT
        with pool or choose_pool(jobs, dask, slurm) or LocalPool() as workers:
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
    """Ask the teacher who it is, and take up what was begun by the same one, if anything was."""
    begun = unfinished.begun(_Settings, resume=resume)
    others = {path.name for path in unfinished.folder.parent.glob(f"{base.manifest.name}@*")}
    if begun is None and resume and others:
        raise DataError(
            f"nothing is unfinished of what is asked for, but {' and '.join(sorted(others))} is",
            "Name the dataset with the version that it had then, and the result with --version.",
        )
    # The energies of isolated atoms are computed once, and kept.
    described = ask_teacher(pool, spec, source.elements if begun is None else ())
    who = {
        "dataset": base.digest,
        "labels": labels,
        "family": spec.family,
        "options": spec.options,
        "provenance": described.provenance,
    }
    reason = "" if described.gives_stress else f"teacher {spec.family} computes none"
    if not source.read("structures/pbc").all(axis=1).any():
        reason = "no structure repeats in all three directions"
    if begun is None:
        begun = _Settings(who, _describe_labels(described), () if reason else (STRESS,))
        unfinished.begin(begun)
    elif not begun.properties:
        reason = reason or "an earlier release began without them"
    if reason and report:
        report(f"the labels have no stresses: {reason}")
    unfinished.require_same(begun.who, who)
    return begun


def _describe_labels(described: Described) -> LabelSet:
    if not described.isolated_atoms:
        reasons = "; ".join(f"{each}: {reason}" for each, reason in described.failures.items())
        raise TeacherError(
            f"the teacher gives no energy of an isolated atom of any element ({reasons})",
            "Does it cover the elements of the dataset? `hub teachers` says which it does.",
        )
    return LabelSet(
        **described.provenance,
        reference_energies=dict.fromkeys(described.isolated_atoms, 0.0),
        subtracted_energies=described.isolated_atoms,
        date=datetime.now(UTC).date().isoformat(),
    )


def _failures(segments: LabelSegments, source: Dataset, unfinished: Unfinished) -> dict[int, str]:
    """Return why structures have no labels; if none has any, raise and leave nothing."""
    failures = segments.failures()
    if len(failures) < len(source):
        return failures
    unfinished.abandon()
    number, reason = next(iter(failures.items()))
    raise TeacherError(
        f"none of the {len(source)} structures could be labelled; {source.name}[{number}]: "
        f"{reason}",
        "Try the teacher on one structure, and look at its parameters.",
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
        text = ""  # nobody wrote it: it names the label sets
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
