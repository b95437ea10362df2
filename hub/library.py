"""Resolve names to plain directories of verified files."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from hub.settings import load_settings
from registry.builtin import Builtin
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import builtin_cards, read_text, split_front_matter
from registry.catalogue import Catalogue
from registry.errors import InvalidReferenceError, NotFoundError
from registry.files import sha256_of
from registry.local import LocalStore
from registry.manifest import Parent
from registry.opening import open_registry
from registry.paths import user_path
from registry.references import Reference
from registry.trust import Seen
from registry.versions import LocalVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.builtin import Importer
    from registry.cards import Card
    from registry.download import Progress

# The model in a run folder is in this folder, in the layout in which it is published.
MODEL_FOLDER = "model"
# The structures that a run was tested on, with their labels, are in this file of it.
TEST_PREDICTIONS = "test-predictions.extxyz"

# Functions that turn published files into versions; imported on the first pull.
_IMPORTERS = {
    "chgnet-wheel": ("hub.potentials.chgnet.importing", "import_wheel"),
    "matgl-state": ("hub.potentials.tensornet.importing", "import_state"),
    "nnp-pre-training": ("hub.importers.nnp_pre_training", "import_checkpoint"),
    "published-dataset": ("hub.importers.published", "import_published"),
    "sevennet-wheel": ("hub.potentials.sevennet.importing", "import_wheel"),
}


class OpenedVersion(Struct, frozen=True):
    """The files that a user's reference or path refers to.

    Parameters
    ----------
    path
        Their directory.
    version
        Their version; None for a directory of the user's own.
    """

    path: Path
    version: LocalVersion | None

    def as_parent(self, relation: str) -> dict[str, str]:
        """Return the entry for this model in the card of a model made from it.

        Parameters
        ----------
        relation
            For example ``fine-tuned``.
        """
        if self.version is not None:
            manifest, digest = self.version.manifest, self.version.digest
            parent = Parent(manifest.name, manifest.version, digest, relation)
            return asdict(parent)
        from hub.potentials.directory import WEIGHTS_NAME  # with torch, which is slow to import

        # The path is of no use to others; the checksum of the weights identifies the model.
        path = self.path.resolve()
        folder = path.parent if path.name == MODEL_FOLDER else path
        return {"directory": folder.name, "weights_sha256": sha256_of(path / WEIGHTS_NAME)}


class Pulled(Struct, frozen=True):
    """A version that was pulled.

    Parameters
    ----------
    version
        With the directory that its files are in.
    moved
        Of part of a dataset, the bytes that were fetched; else None.
    saved
        Of part of a dataset, the bytes of the version that were neither needed nor here.
    chosen
        How many structures of a dataset were chosen; None for all of them.
    """

    version: LocalVersion
    moved: int | None = None
    saved: int | None = None
    chosen: int | None = None


def catalogue() -> Catalogue:
    """Return the catalogue for the current settings."""
    settings = load_settings()
    local = LocalStore(settings.cache)
    registries = [
        open_registry(name, location, local.files, offline=settings.offline)
        for name, location in settings.registries.items()
    ]
    builtin = Builtin(builtin_cards(), _importer_named, settings.mirror, offline=settings.offline)
    seen = Seen(settings.state / "seen")
    return Catalogue(local, registries, builtin, seen)


def open_version(place: str | Path, progress: Progress | None = None) -> OpenedVersion:
    """Return the files of a directory (a run folder, a model), or of a version by its reference.

    An existing directory takes precedence over a reference with the same spelling.

    Raises
    ------
    NotFoundError
        If it is neither.
    RegistryError
        As `hub.pull` does.
    """
    directory = user_path(place)
    if directory.is_dir():
        return OpenedVersion(directory, None)
    try:
        version = catalogue().pull(Reference.parse(str(place)), progress=progress)
    except (InvalidReferenceError, NotFoundError) as problem:
        raise NotFoundError(
            f"'{place}' is not a directory; {problem.message}", problem.hint
        ) from problem
    return OpenedVersion(version.path, version)


def open_model(place: str | Path, progress: Progress | None = None) -> OpenedVersion:
    """Return the model directory of a run folder, a model directory or a reference.

    Raises
    ------
    NotFoundError
        If it is none of them.
    RegistryError
        As `hub.pull` does.
    """
    opened = open_version(place, progress)
    inner = opened.path / MODEL_FOLDER
    return OpenedVersion(inner, opened.version) if inner.is_dir() else opened


def own_test_set(names: Sequence[str]) -> tuple[str, ...]:
    """Return the file of the structures that a run was tested on, if one run folder is named."""
    own = [str(path) for name in names if (path := user_path(name) / TEST_PREDICTIONS).is_file()]
    return tuple(own) if len(names) == 1 else ()


def front_matter_of(directory: Path) -> dict[str, Any]:
    """Return the front matter of the card in a run folder or model directory; empty without one.

    Raises
    ------
    SettingsError
        If the card is malformed.
    """
    inner = directory / MODEL_FOLDER
    card = (inner if inner.is_dir() else directory) / CARD_NAME
    return split_front_matter(read_text(card), str(card))[0] if card.exists() else {}


def _importer_named(name: str) -> Importer | None:
    if name in _IMPORTERS:
        return _lazy_importer(*_IMPORTERS[name])
    from hub.importers.importer import version_importer

    return version_importer(name)


def _lazy_importer(module: str, name: str) -> Importer:
    def run(card: Card, sources: Sequence[Path], directory: Path) -> dict[str, Any]:
        metadata: dict[str, Any] = getattr(import_module(module), name)(card, sources, directory)
        return metadata

    return run
