"""Publish a run folder or model directory as a version in a registry."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from hub.errors import PublishingError
from hub.huggingface.card import address_of, model_card
from hub.library import MODEL_FOLDER, OpenedVersion, catalogue, open_version
from hub.licences import ancestors, canonical, licence_notes
from hub.potentials.directory import FILES, read_model
from hub.training import run_files
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import Card, join_front_matter, read_text, split_front_matter
from registry.errors import InvalidReferenceError, NotFoundError
from registry.files import scratch_directory, storage_errors
from registry.huggingface.addresses import is_address, split_address
from registry.manifest import Parent
from registry.origins import LOCAL
from registry.paths import user_path
from registry.publishing import check_free
from registry.publishing import publish as publish_version
from registry.references import Reference, check_name, check_version

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hub.licences import Ancestor
    from registry.download import Progress
    from registry.versions import LocalVersion

_OPTIONS = ("license", "description")  # of `hub publish`, for hints


def publish(
    place: str | Path,
    name: str | None = None,
    version: str = "1.0.0",
    *,
    to: str = LOCAL,
    license: str | None = None,  # noqa: A002 - the option's name
    license_reason: str = "",
    description: str | None = None,
    private: bool = False,
    accept: bool = False,
    progress: Progress | None = None,
) -> LocalVersion:
    """Publish a model: its weights, configuration, probe and card; or a dataset.

    Parameters
    ----------
    place
        A run folder whose training is finished, a model directory, or the reference or directory
        of a dataset.
    name, version
        Name and version (MAJOR.MINOR.PATCH) to publish under. A version never changes. The name
        may be left out if `to` gives it.
    to
        Name of a registry, its directory, or ``hf://org/name`` or ``hf://datasets/org/name`` on the
        Hugging Face Hub; this machine's own registry by default.
    license, description
        Replace what the card says.
    license_reason
        Why the licence is valid although it conflicts with that of something that the model was
        trained from; the card shows it.
    private
        Make a new repository on the Hugging Face Hub private.
    accept
        Publish although this machine has seen different content for this version there.
    progress
        Called with the number of bytes as they are sent, and the total.

    Returns
    -------
    The version as others will pull it.

    Raises
    ------
    NotFoundError
        If there is no such directory or registry.
    PublishingError
        If the training has not finished, the card is incomplete (says what to add where), or the
        licence contradicts that of something that the model was trained from.
    ModelError
        If the model does not reproduce its stored predictions.
    SubstitutedError
        If this machine has seen different content there under this name and version.
    ExistsError
        If the version already exists, or the name is a built-in one.
    InvalidReferenceError
        If the name or version is malformed.
    StorageError
        If the registry cannot be written.
    AccessError
        If the Hugging Face Hub refuses the token.
    OfflineError
        If a registry elsewhere cannot be reached.
    """
    name = name or _name_in(to)
    check_name(name)
    check_version(version)
    stated = {"name": name, "version": version, "license": license, "description": description}
    given = {key: value for key, value in stated.items() if value}
    dataset = _dataset(place)
    if dataset is not None:
        from hub.datasets.publishing import publish_copy

        return publish_copy(
            dataset, given, to=to, private=private, accept=accept, progress=progress
        )
    directory = _model_directory(user_path(place))
    card = directory / CARD_NAME
    front_matter, body = _read_card(card)
    front_matter |= given
    _require_facts(front_matter, card)
    config = read_model(directory).config
    names, parents = catalogue(), _parents(front_matter, card)
    licence = canonical(_licence(front_matter))
    origins = ancestors(names, parents, _training(front_matter), _teacher(front_matter))
    front_matter, body = _with_licences(front_matter, body, origins, license_reason)
    check_free(names, name, version, to)
    address = address_of(names, to)
    if address is not None:
        front_matter, body = model_card(names, address, front_matter, body, parents)
    with scratch_directory(names.local.files.parts) as content:
        with storage_errors(directory):
            for file in FILES:
                shutil.copyfile(directory / file, content / file)
            text = join_front_matter(front_matter, body)
            (content / CARD_NAME).write_text(text, encoding="utf-8")
        return publish_version(
            names,
            content,
            name,
            version,
            kind="model",
            metadata={"description": front_matter["description"], **config.facts()},
            parents=parents,
            licence=licence,
            to=to,
            accept=accept,
            private=private,
            progress=progress,
        )


def _name_in(to: str) -> str:
    """Return the name of the repository in an address on the Hugging Face Hub."""
    name = split_address(to)[1] if is_address(to) else ""
    if not name:
        raise InvalidReferenceError(
            "a name to publish under is missing",
            "Give --name, or --to hf://org/name for the Hugging Face Hub.",
        )
    return name


def _dataset(place: str | Path) -> OpenedVersion | None:
    """Return the dataset that a place is; None if it is anything else."""
    from hub.datasets.layout import is_dataset

    path = user_path(place)
    if path.is_dir():
        return OpenedVersion(path, None) if is_dataset(path) else None
    try:
        found = catalogue().resolve(Reference.parse(str(place)))
    except (InvalidReferenceError, NotFoundError):
        return None
    if isinstance(found, Card) or found.manifest.kind != "dataset":
        return None
    return open_version(place)


def _with_licences(
    front_matter: dict[str, Any], body: str, origins: Iterable[Ancestor], reason: str
) -> tuple[dict[str, Any], str]:
    """Return a card that says what licences the model's origins are under."""
    notes = licence_notes(_licence(front_matter), origins, reason)
    if not notes:
        return front_matter, body
    stated = str(front_matter.get("license_note", ""))
    new = [note for note in notes if note not in stated]
    text = "; ".join(filter(None, [stated, *new]))
    if new:
        lines = "\n".join(f"- {note[0].upper()}{note[1:]}." for note in new)
        body = f"{body.rstrip()}\n\n## Licences\n\n{lines}\n"
    return {**front_matter, "license_note": text}, body


def _teacher(front_matter: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the card says of the model from which this one was distilled, if any.

    The licence of a program that computed labels does not extend to them.
    """
    distillation = front_matter.get("distillation")
    teacher = distillation.get("teacher") if isinstance(distillation, dict) else None
    is_model = isinstance(teacher, dict) and str(teacher.get("family")).startswith("model:")
    return teacher if is_model else None


def _training(front_matter: dict[str, Any]) -> dict[str, Any]:
    """Return what the card says of the training, or of the transmutation."""
    made = front_matter.get("training") or front_matter.get("transmutation")
    return made if isinstance(made, dict) else {}


def _model_directory(place: Path) -> Path:
    """Return the model directory of a finished run folder, or `place` itself."""
    if not place.is_dir():
        raise NotFoundError(
            f"directory {place} not found",
            "Give a run folder, a model directory, or the name of a dataset.",
        )
    if (place / run_files.JOB_NAME).exists() and run_files.read_results(place) is None:
        raise PublishingError(
            f"the training in {place} is not finished",
            f"Resume it: {run_files.resume_command(place)}",
        )
    inner = place / MODEL_FOLDER
    return inner if inner.is_dir() else place


def _read_card(path: Path) -> tuple[dict[str, Any], str]:
    if not path.exists():
        raise PublishingError(
            f"card {path} not found",
            "Write one that begins with the lines ---, license: ..., description: ... and ---.",
        )
    return split_front_matter(read_text(path), str(path))


def _require_facts(front_matter: dict[str, Any], card: Path) -> None:
    """Refuse a card without licence or description, and list everything that is missing."""
    wanted = ["license", "description"]
    if front_matter.get("license") == "other":
        wanted.append("license_name")
    lacking = [key for key in wanted if not _is_text(front_matter.get(key))]
    if lacking:
        lines = " and ".join(f"`{key}: ...`" for key in lacking)
        options = " and ".join(f"--{key}" for key in lacking if key in _OPTIONS)
        raise PublishingError(
            f"the card {card} lacks {' and '.join(lacking)}",
            f"Add {lines} between its two --- lines"
            + (f", or give {options}." if options else "."),
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _licence(front_matter: dict[str, Any]) -> str:
    """Return the licence's identifier, or its name if the identifier is ``other``."""
    licence = str(front_matter["license"])
    return str(front_matter["license_name"]) if licence == "other" else licence


def _parents(front_matter: dict[str, Any], card: Path) -> tuple[Parent, ...]:
    """Return the version from which the model was made, if any."""
    parent = _training(front_matter).get("parent")
    if not isinstance(parent, dict) or "digest" not in parent:
        return ()
    try:
        return (Parent(**parent),)
    except TypeError as error:
        raise PublishingError(
            f"the card {card} has an invalid `parent`",
            "`parent` in `training` must have name, version, digest and relation; otherwise remove "
            "it.",
        ) from error
