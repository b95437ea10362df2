"""Repositories on the Hub: their tags, the manifests in them, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.documents import LARGEST_DOCUMENT, digest_of
from registry.download import Retries
from registry.errors import IntegrityError
from registry.files import sha256_of, storage_errors
from registry.huggingface.client import Client
from registry.references import is_version
from registry.sources import git_blob_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from huggingface_hub.hf_api import DatasetInfo, ModelInfo, RepoFile

    from registry.huggingface.addresses import Address

MANIFEST = "mlip-hub.json"
BRANCH = "main"
ATTEMPTS = 2  # at a file that arrives with other bytes than the Hub lists

_TAG_PREFIX = "v"


@dataclass(frozen=True)
class State:
    """What a repository points at.

    Parameters
    ----------
    head
        The commit of its main branch; empty if it has none.
    versions
        The commits of the tags that name versions.
    """

    head: str
    versions: dict[str, str]


class Repositories:
    """The repositories of one address.

    Parameters
    ----------
    address
        The organisation, and the kind of its repositories.
    offline
        Refuse to use the network.
    """

    def __init__(self, address: Address, *, offline: bool = False) -> None:
        self.address = address
        self.client = Client(address, offline=offline)

    def state(self, name: str, retries: Retries | None = None) -> State | None:
        """Return where the branch and the tags of a repository point; None if it is not there."""
        api, kind = self.client.api, self.address.kind
        repository = self.address.repository(name)
        refs = self.client.find(
            name, lambda: api.list_repo_refs(repository, repo_type=kind), retries
        )
        if refs is None:
            return None
        heads = (each.target_commit for each in refs.branches if each.name == BRANCH)
        tags = {each.name: each.target_commit for each in refs.tags}
        versions = {
            tag.removeprefix(_TAG_PREFIX): commit
            for tag, commit in tags.items()
            if tag.startswith(_TAG_PREFIX) and is_version(tag.removeprefix(_TAG_PREFIX))
        }
        return State(next(heads, ""), versions)

    def names(self) -> set[str]:
        """Return the repositories that hold a manifest of this package."""
        api, author = self.client.api, self.address.organisation

        def listed() -> list[ModelInfo | DatasetInfo]:
            if self.address.kind == "model":
                return list(api.list_models(author=author, full=True))
            return list(api.list_datasets(author=author, full=True))

        found = self.client.ask("", listed)
        return {
            each.id.partition("/")[2]
            for each in found
            if any(file.rfilename == MANIFEST for file in each.siblings or ())
        }

    def files(self, name: str, commit: str) -> dict[str, RepoFile]:
        """Return the files of a commit by path."""
        from huggingface_hub.hf_api import RepoFile

        api, repository = self.client.api, self.address.repository(name)
        entries = self.client.ask(
            name,
            lambda: list(
                api.list_repo_tree(
                    repository, recursive=True, revision=commit, repo_type=self.address.kind
                )
            ),
        )
        return {each.path: each for each in entries if isinstance(each, RepoFile)}

    def commit(self, name: str, revision: str | None = None) -> str:
        """Return the commit of a branch or tag, by default of the main branch."""
        api, repository = self.client.api, self.address.repository(name)
        info = self.client.ask(
            name,
            lambda: api.repo_info(repository, revision=revision, repo_type=self.address.kind),
        )
        return str(info.sha)

    def cached(self, name: str, commit: str, listed: RepoFile) -> Path:
        """Return a file in the client's own cache, verified by the checksum in the Hub's list.

        Raises
        ------
        IntegrityError
            If the bytes that arrive are others.
        """
        from huggingface_hub import hf_hub_download

        for attempt in range(ATTEMPTS):
            path = self.client.ask(
                name,
                lambda force=attempt > 0: hf_hub_download(  # type: ignore[misc]
                    self.address.repository(name),
                    listed.path,
                    revision=commit,
                    repo_type=self.address.kind,
                    endpoint=self.client.api.endpoint,
                    # What is damaged stays in the cache otherwise.
                    force_download=force,
                ),
                Retries(attempts=1),
            )
            if is_listed(Path(path), listed):
                return Path(path)
        raise self._damaged(name, listed.path)

    def manifest(self, name: str, commit: str) -> bytes | None:
        """Return the manifest in a commit; None if there is none.

        Raises
        ------
        IntegrityError
            If the bytes that arrive are not those that the Hub lists.
        """
        import tempfile

        from huggingface_hub.hf_api import RepoFile

        api, repository = self.client.api, self.address.repository(name)
        found = self.client.find(
            name,
            lambda: api.get_paths_info(
                repository, [MANIFEST], revision=commit, repo_type=self.address.kind
            ),
        )
        listed = next((each for each in found or () if isinstance(each, RepoFile)), None)
        if listed is None:
            return None
        if listed.size > LARGEST_DOCUMENT:
            raise IntegrityError(f"{MANIFEST} of {self.client.page(name)} is too large")
        for _ in range(ATTEMPTS):
            with tempfile.TemporaryDirectory(prefix="mlip-hub-") as folder:
                file = self.download(name, commit, MANIFEST, Path(folder))
                with storage_errors(file):
                    data = file.read_bytes()
            if is_listed(data, listed):
                return data
        raise self._damaged(name, MANIFEST)

    def download(
        self,
        name: str,
        commit: str,
        path: str,
        folder: Path,
        arrived: Callable[[int], None] | None = None,
    ) -> Path:
        """Download one file by the client's own transfer; only its size is verified.

        Parameters
        ----------
        name, commit, path
            Which file.
        folder
            An empty folder to write it to.
        arrived
            Called with the number of further bytes; may raise to give up.

        Raises
        ------
        RegistryError
            As `Client.ask`.
        """
        from huggingface_hub import hf_hub_download

        bar = _bar(arrived or (lambda _: None))
        found = self.client.ask(
            name,
            lambda: hf_hub_download(
                self.address.repository(name),
                path,
                revision=commit,
                repo_type=self.address.kind,
                local_dir=folder,
                endpoint=self.client.api.endpoint,
                tqdm_class=bar,
            ),
            Retries(attempts=1),  # the client itself retries this
        )
        return Path(found)

    def _damaged(self, name: str, path: str) -> IntegrityError:
        return IntegrityError(
            f"{path} of {self.client.page(name)} does not match the checksum listed by the Hub",
            "Try again; a proxy may modify it.",
        )


def is_listed(content: Path | bytes, listed: RepoFile) -> bool:
    """Whether a file, or its bytes, has the checksum under which the Hub lists it."""
    if isinstance(content, bytes):
        if listed.lfs is not None:
            return digest_of(content) == listed.lfs.sha256
        return git_blob_of(content) == listed.blob_id
    with storage_errors(content):
        if content.stat().st_size != listed.size:
            return False
    if listed.lfs is not None:
        return sha256_of(content) == listed.lfs.sha256
    return git_blob_of(content) == listed.blob_id


def tag_of(version: str) -> str:
    """Return the tag that names a version."""
    return f"{_TAG_PREFIX}{version}"


def _bar(arrived: Callable[[int], None]) -> type:
    """Return a class for the client's progress bars that shows nothing and reports the bytes."""
    from huggingface_hub.utils.tqdm import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # or each of these classes starts a thread, which never ends

        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            arrived(int(n or 0))

    return Bar
