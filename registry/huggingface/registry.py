"""An organisation on the Hugging Face Hub, read and written like a registry."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from registry.documents import digest_of
from registry.errors import (
    IncompatibleError,
    IntegrityError,
    InvalidReferenceError,
    NotFoundError,
)
from registry.huggingface.downloading import fetch_from
from registry.huggingface.errors import missing
from registry.huggingface.publication import Publication
from registry.huggingface.repositories import MANIFEST, Repositories, tag_of
from registry.index import with_version
from registry.manifest import parse_manifest
from registry.references import LATEST, check_name
from registry.registry import Registry
from registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.blobs import Blobs
    from registry.download import Progress, Retries
    from registry.errors import RegistryError
    from registry.huggingface.addresses import Address
    from registry.index import Entry
    from registry.manifest import FileEntry, Manifest
    from registry.registry import Put
    from registry.stores.base import Stream
    from registry.stores.directory import DirectoryStore

_PARALLEL = 4
_SHOWN = 5  # names of files in a message

logger = logging.getLogger(__name__)


class HuggingFaceRegistry(Registry):
    """The repositories of one kind that an organisation or user has on the Hub.

    A repository is a name, and a tag such as ``v1.0.0`` is a version. Each version is one commit,
    which holds the files where the Hub and its users expect them, and the manifest.

    Parameters
    ----------
    name
        Its name on this machine; by default, the address is its name.
    address
        Where it is.
    files
        The local store: what is published passes through it.
    offline
        Refuse to use the network.
    private
        Make a new repository private.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        files: DirectoryStore,
        *,
        offline: bool = False,
        private: bool = False,
    ) -> None:
        super().__init__(name, _NotATree(str(address)))
        self.address = address
        self.repositories = Repositories(address, offline=offline)
        self.private = private
        self._files = files
        self._manifests: dict[tuple[str, str], bytes | None] = {}
        self._places: dict[str, tuple[str, str, str]] = {}  # by sha256: name, commit, path

    def names(self) -> set[str]:
        """Return the names of all repositories with a manifest."""
        return {name for name in self.repositories.names() if _is_name(name)}

    def entry(self, name: str, retries: Retries | None = None) -> Entry | None:
        """Return the versions of a repository; None if it is not there, or has none."""
        state = self.repositories.state(name, retries)
        if state is None:
            return None
        entry = None
        for version, data in self._read_manifests(name, state.versions).items():
            found = Version(data, self.name)
            if not found.is_called(name, version, self.address.kind):
                raise self._mislabelled(name, version, found.manifest)
            entry = with_version(entry, found.manifest, found.digest)
        return entry and entry.with_aliases({LATEST: entry.newest})

    def entries(self, names: Iterable[str] | None = None) -> dict[str, Entry]:
        """Return the entries of these names, or of all."""
        found = {
            name: self.entry(name) for name in sorted(self.names() if names is None else names)
        }
        return {name: entry for name, entry in found.items() if entry}

    def manifest_bytes(self, digest: str) -> bytes:
        """Return the manifest with this digest, once `entry` has read it."""
        for data in self._manifests.values():
            if data is not None and digest_of(data) == digest:
                return data
        raise IntegrityError(f"no tag of {self.location} has the manifest sha256:{digest}")

    def absence(self, name: str) -> RegistryError:
        """Return the error for a repository that is not there, or is not one of this package's."""
        client, page = self.repositories.client, self.repositories.client.page(name)
        info = client.find(
            name,
            lambda: client.api.repo_info(
                self.address.repository(name), repo_type=self.address.kind
            ),
        )
        if info is None:
            return missing(page)
        files = sorted(each.rfilename for each in getattr(info, "siblings", None) or ())
        if MANIFEST in files:
            return NotFoundError(
                f"{page} has no tag of a version, such as {tag_of('1.0.0')}",
                "Its publishing was interrupted: publish it again.",
            )
        library = getattr(info, "library_name", None)
        shown = ", ".join(files[:_SHOWN]) + (", ..." if len(files) > _SHOWN else "")
        return IncompatibleError(
            f"{page} is a {self.address.kind} repository"
            + (f" for the library {library}" if library else "")
            + f" without a manifest of mlip-hub ({MANIFEST}); its files: {shown or 'none'}",
            "Download it with the library that it was made for, or import its files: hub import",
        )

    def fetch(
        self, entries: Sequence[FileEntry], blobs: Blobs, progress: Progress | None = None
    ) -> None:
        """Fetch the content of files that are not among the blobs yet, and verify it."""
        places = {entry.sha256: self._places[entry.sha256] for entry in entries}
        fetch_from(self.repositories, places, entries, blobs, progress)

    def locate(self, version: Version) -> None:
        """Learn where the files of a version are, of which this machine knew the manifest."""
        name, number = version.manifest.name, version.manifest.version
        if all(each.sha256 in self._places for each in version.manifest.files):
            return
        state = self.repositories.state(name)
        commit = state.versions.get(number) if state else None
        if commit is None:
            raise missing(f"{self.repositories.client.page(name)}/tree/{tag_of(number)}")
        self._note(name, commit, version.manifest)

    def add(self, data: bytes, put: Put, progress: Progress | None = None) -> bool:
        """Publish a version: one commit, then its tag. Returns False if it was there already."""
        manifest = parse_manifest(data)
        if manifest.kind != self.address.kind:
            raise InvalidReferenceError(
                f"{manifest.name} is a {manifest.kind}, and {self.address} is for "
                f"{self.address.kind}s",
                "Models go to hf://org, datasets to hf://datasets/org.",
            )
        if self._listed(self.entry(manifest.name), manifest, digest_of(data)):
            return False
        put(manifest.files, None)
        publication = Publication(
            self.repositories,
            data,
            self._files,
            lambda: self.existing(manifest.name, manifest.version),
            progress,
        )
        commit = publication.run(private=self.private)
        self._manifests[manifest.name, commit] = data
        self._note(manifest.name, commit, manifest)
        return True

    def writable(self) -> DirectoryStore:
        """Return the local store, which holds what is published while it is sent."""
        return self._files

    def _read_manifests(self, name: str, versions: dict[str, str]) -> dict[str, bytes]:
        """Return the manifests of tagged commits; a tag of something else is passed over."""
        from concurrent.futures import ThreadPoolExecutor  # slow to import

        new = [each for each in versions.values() if (name, each) not in self._manifests]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            read = pool.map(lambda commit: self.repositories.manifest(name, commit), new)
            self._manifests |= {
                (name, commit): data for commit, data in zip(new, read, strict=True)
            }
        found = {}
        for version, commit in versions.items():
            data = self._manifests[name, commit]
            if data is None:
                page = self.repositories.client.page(name)
                logger.warning("the tag %s of %s has no %s", tag_of(version), page, MANIFEST)
                continue
            found[version] = data
            self._note(name, commit, parse_manifest(data))
        return found

    def _note(self, name: str, commit: str, manifest: Manifest) -> None:
        self._places |= {each.sha256: (name, commit, each.path) for each in manifest.files}

    def _mislabelled(self, name: str, version: str, manifest: Manifest) -> IntegrityError:
        return IntegrityError(
            f"the tag {tag_of(version)} of {self.repositories.client.page(name)} holds the "
            f"manifest of {manifest.name}@{manifest.version} ({manifest.kind})",
            "It may have been renamed or copied: pull it from where it was published.",
        )


class _NotATree:
    """Stands for a store: there is no tree of a registry on the Hub."""

    def __init__(self, location: str) -> None:
        self.location = location

    def open(self, path: str, start: int = 0) -> Stream:  # noqa: ARG002 - as of a store
        """Find nothing."""
        raise NotFoundError(f"{self.location}/{path} not found")


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except InvalidReferenceError:
        return False
    return True
