"""Lineage of a model or dataset: parents, data and teachers, back to published ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.history import commands
from hub.history.step import (
    Record,
    Step,
    cited,
    front_matter,
    label_sets,
    label_sets_in,
    label_sets_of,
    mapping,
    missing,
)
from hub.library import MODEL_FOLDER, catalogue
from registry.cards import FILE_NAME, Card, read_text
from registry.errors import InvalidReferenceError, NotFoundError, RegistryError
from registry.origins import BUILTIN
from registry.paths import user_path
from registry.references import DIGEST_PREFIX, Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from registry.catalogue import Catalogue
    from registry.manifest import Parent
    from registry.versions import Version


def lineage(name: str | Path) -> Step:
    """Return what a model or dataset was made from, and the commands that repeat each step.

    Only what manifests, cards and run folders record is returned; what they do not record is
    listed in `Step.unknown`.

    Parameters
    ----------
    name
        A reference, or the directory of a run, a model or a dataset; an existing directory takes
        precedence.

    Raises
    ------
    NotFoundError
        If there is no such version or directory.
    OfflineError
        If the network is needed, but switched off or unreachable.
    TrainingError, SettingsError
        If the files of the run folder or the card are corrupted.
    """
    tracer = Tracer(catalogue())
    directory = user_path(name)
    if directory.is_dir():
        return tracer.directory(directory, "")
    return tracer.version(tracer.names.resolve(Reference.parse(str(name))), "")


class Tracer:
    """Follow parents from one record to the next.

    Parameters
    ----------
    names
        Where to look for versions.
    """

    def __init__(self, names: Catalogue) -> None:
        self.names = names
        self._open: list[str] = []  # directories being followed: run folders can form a cycle

    def version(self, found: Version | Card, relation: str, labels: str = "") -> Step:
        """Follow a version, or the card of one that has not been imported yet."""
        record = self._of_card(found) if isinstance(found, Card) else self._of_version(found)
        record = replace(record, step=replace(record.step, relation=relation))
        is_model = record.step.kind == "model"
        return self._model(record) if is_model else self._dataset(record, labels)

    def _of_card(self, card: Card) -> Record:
        reference = f"{BUILTIN}/{card.name}@{card.version}"
        step = Step(reference, card.kind, command=f"hub pull {reference}")
        return Record(cited(step, card.front_matter), card.name, card.version, card.front_matter)

    def _of_version(self, found: Version) -> Record:
        manifest, reference = found.manifest, str(found.reference)
        unknown: tuple[str, ...] = ()
        try:
            card = self.card(found)
        except RegistryError as problem:
            card, unknown = {}, (f"contents of its card: {problem.message}",)
        pull = f"hub pull {reference}" if found.origin == BUILTIN else ""
        step = Step(reference, manifest.kind, "", found.digest, pull, unknown)
        step = cited(step, {**manifest.metadata, **card})
        name, version = manifest.name, manifest.version
        return Record(step, name, version, card, manifest.metadata, manifest.parents)

    def card(self, found: Version) -> Mapping[str, Any]:
        """Return the front matter of the card of a version; raises like `Catalogue.readme`."""
        return front_matter(self.names.readme(found), str(found.reference))

    def folder(self, text: str) -> Path | None:
        """Return the directory that a card or job names, if there is one on this machine."""
        directory = user_path(text)
        return directory if directory.is_dir() else None

    def directory(self, path: Path, relation: str, labels: str = "") -> Step:
        """Follow a run folder, or the directory of a model or a dataset."""
        from hub.datasets.layout import is_dataset
        from hub.training.run_files import JOB_NAME

        place = str(path)
        if str(path.resolve()) in self._open:
            return Step(place, "model", relation, unknown=("its origin: see above",))
        self._open.append(str(path.resolve()))
        is_data = is_dataset(path)
        inner = path / MODEL_FOLDER if (path / MODEL_FOLDER).is_dir() else path
        text = read_text(inner / FILE_NAME) if (inner / FILE_NAME).is_file() else ""
        card = front_matter(text, str(inner / FILE_NAME))
        step = cited(Step(place, "dataset" if is_data else "model", relation), card)
        record = Record(step, card=card)
        if is_data:
            step = self._dataset(replace(record, metadata=label_sets_in(path)), labels)
        elif (path / JOB_NAME).is_file():
            step = self._run(path, record)
        else:
            step = self._model(record)
        self._open.pop()
        return step

    def _run(self, folder: Path, record: Record) -> Step:
        """Follow a run folder, which records how it was started even if it is not finished."""
        from hub.training.job import Job, PretrainJob
        from hub.training.run_files import JOB_NAME, read_job

        command, content = read_job(folder / JOB_NAME)
        job = (PretrainJob if command == PretrainJob.command else Job).read(folder)
        made = commands.started(content, job.command_line())
        if record.card.get("training"):
            # The job is more exact than the card, and complete.
            return _made_by(replace(self._model(record), unknown=()), made)
        parents = []
        if isinstance(job, Job) and not job.from_scratch:
            parents.append(self._place(job.model, "fine-tuned", "model"))
        data = (job.data,) if isinstance(job.data, str) else job.data
        if job.labels or isinstance(job, PretrainJob):
            parents.append(self._place(data[0], "trained-on", "dataset", job.labels))
        else:
            parents.append(Step(", ".join(data), "files", "trained-on"))
        return _made_by(replace(record.step, parents=tuple(parents)), made)

    def _model(self, record: Record) -> Step:
        """Follow a model by its card."""
        training, how = mapping(record.card, "training"), mapping(record.card, "transmutation")
        parents = [self._parent(each, "model") for each in record.parents]
        if not parents:
            stated = mapping(training or how, "parent")
            parents = [self._stated_parent(stated)] if stated else []
        named = parents[0].name if parents else ""
        made = commands.Recorded(record.step.command)
        if training:
            pretrained = "dataset" in mapping(training, "data")
            made = (
                commands.pretrained(training) if pretrained else commands.finetuned(training, named)
            )
            parents.append(self._training_data(mapping(training, "data")))
        elif how:
            made = commands.transmuted(how, named, record.name, record.version)
        elif file := mapping(record.card, "imported").get("file"):
            made = commands.imported(record.name, record.version, "", str(file))
        elif "pretraining" in record.card:
            parents += self._published_data(record.card)
        elif not made.command:
            made = commands.Recorded("", ("how it was made",))
        return _made_by(replace(record.step, parents=tuple(parents)), made)

    def _training_data(self, data: Mapping[str, Any]) -> Step:
        """Follow the data in the card of a trained model."""
        labels = commands.label_set_of(data)
        files = ", ".join(map(str, data.get("files") or ()))
        if not labels:
            return Step(files or "the training data", "files", "trained-on")
        name, digest = str(data.get("dataset") or files), str(data.get("dataset_digest") or "")
        step = self._place(name, "trained-on", "dataset", labels, digest)
        about = mapping(data, "labels")
        if not step.parents and about:
            step = replace(step, parents=(self._teacher(labels, about),))
        return step

    def _published_data(self, card: Mapping[str, Any]) -> list[Step]:
        """Follow the data and teacher in the card of a published checkpoint."""
        data, teacher = mapping(card, "pretraining"), mapping(card, "teacher")
        name = str(data.get("dataset", ""))
        known = self.names.builtin.cards.get(name.lower())
        step = self.version(known, "trained-on") if known else Step(name, "dataset", "trained-on")
        if not known and data.get("dataset_url"):
            step = replace(step, unknown=(f"its files: see {data['dataset_url']}",))
        if teacher:
            cited = " ".join(str(teacher[key]) for key in ("reference", "doi") if key in teacher)
            labelled = Step(str(teacher.get("name")), "teacher", "labelled-by", citation=cited)
            step = replace(step, parents=(labelled,))
        return [step]

    def _dataset(self, record: Record, labels: str) -> Step:
        """Follow a dataset by its manifest: its parents, and the teachers of this step."""
        found = [self._find(each) for each in record.parents]
        pairs = zip(record.parents, found, strict=True)
        parents = [
            missing(each, "dataset", reason)
            if isinstance(reason, RegistryError)
            else self.version(reason, each.relation, labels)
            for each, reason in pairs
        ]
        known = [each for each in found if not isinstance(each, RegistryError)]
        before = {label for each in known for label in label_sets_of(each)}
        stated = label_sets(record.metadata, record.card)
        new = {label: about for label, about in stated.items() if label not in before}
        teachers = [
            self._teacher(label, about) for label, about in new.items() if labels in ("", label)
        ]
        made = _dataset_command(record, parents, new if len(known) == len(found) else {})
        return _made_by(replace(record.step, parents=(*parents, *teachers)), made)

    def _teacher(self, label: str, about: Mapping[str, Any]) -> Step:
        """Follow a teacher, which may itself be a model."""
        name = str(about.get("teacher") or about.get("level_of_theory") or label)
        unknown = commands.teacher_settings(about)
        step = Step(name, "teacher", f"labelled-by ({label})", unknown=unknown)
        family, _, argument = name.partition(":")
        if family == "model":
            return replace(step, parents=(self._place(argument, "computed-by", "model"),))
        if about.get("versions"):  # labels computed by a teacher of ours of this name
            step = replace(step, citation=_family_citation(family))
        return step

    def _stated_parent(self, stated: Mapping[str, Any]) -> Step:
        """Follow the parent that a card names: a version, or a local directory."""
        relation = str(stated.get("relation") or "fine-tuned")
        if "digest" in stated and "name" in stated:
            name = f"{stated['name']}@{stated.get('version')}"
            return self._place(name, relation, "model", digest=str(stated["digest"]))
        weights = stated.get("weights_sha256")
        unknown = (f"its origin: a directory whose weights have sha256 {weights}",)
        return Step(str(stated.get("directory")), "model", relation, unknown=unknown)

    def _parent(self, parent: Parent, kind: str) -> Step:
        found = self._find(parent)
        if isinstance(found, RegistryError):
            return missing(parent, kind, found)
        return self.version(found, parent.relation)

    def _find(self, parent: Parent) -> Version | Card | RegistryError:
        return self._look_for(Reference(parent.name, parent.version), parent.digest)

    def _place(
        self, text: str, relation: str, kind: str, labels: str = "", digest: str = ""
    ) -> Step:
        """Follow a directory or a reference that a user named."""
        directory = None if digest else self.folder(text)
        if directory is not None:
            return self.directory(directory, relation, labels)
        try:
            found = self._look_for(Reference.parse(text), digest)
        except InvalidReferenceError as problem:
            found = problem
        if isinstance(found, RegistryError):
            unknown = (f"its origin: {found.message}",)
            return Step(text, kind, relation, digest, unknown=unknown)
        return self.version(found, relation, labels)

    def _look_for(self, reference: Reference, digest: str) -> Version | Card | RegistryError:
        """Find a version, by its digest if known, or return why it cannot be found."""
        name = reference.name
        attempts = [reference]
        if digest:
            attempts = [Reference(name, DIGEST_PREFIX + digest), reference]
        problem: RegistryError = NotFoundError(f"{reference} not found")
        for attempt in attempts:
            try:
                found = self.names.resolve(attempt)
            except RegistryError as failure:
                problem = failure
                continue
            if not digest or isinstance(found, Card) or found.digest == digest:
                return found
            problem = NotFoundError(f"the content of {found.reference} has changed since then")
        return problem


def _made_by(step: Step, made: commands.Recorded) -> Step:
    return replace(step, command=made.command, unknown=(*step.unknown, *made.unknown))


def _dataset_command(
    record: Record, parents: Sequence[Step], new: Mapping[str, Mapping[str, Any]]
) -> commands.Recorded:
    """Return how a dataset was made, from its manifest and its new label sets."""
    name, version, step = record.name, record.version, record.step
    made = record.metadata.get("made")
    last = made[-1] if isinstance(made, list | tuple) and made else {}
    source, relation = (parents[0].name, record.parents[0].relation) if parents else ("", "")
    if relation == "relabelled":
        return commands.relabelled(source, name, version, new)
    if relation == "transmuted":
        return commands.transmuted(mapping(last, "transmutation"), source, name, version)
    if "method" in last:
        return commands.synthesized(last, source, name, version, new)
    if step.command or not name:
        unknown = () if step.command else ("how it was made",)
        return commands.Recorded(step.command, unknown)
    return commands.imported(name, version, source)


def _family_citation(name: str) -> str:
    """Return what to cite for a teacher; empty if there is no such family."""
    from hub.teachers.families import list_teachers  # with numpy

    return next((each.citation for each in list_teachers() if each.name == name), "")
