"""Publish one version on the Hub: a repository, one commit, one tag."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from registry.documents import digest_of
from registry.download import Retries
from registry.errors import ExistsError
from registry.huggingface.commits import ATTEMPTS, OF_NEW_ONES, Commit
from registry.huggingface.errors import unreachable
from registry.huggingface.repositories import MANIFEST, tag_of
from registry.manifest import parse_manifest
from registry.stores.base import TransientError, blob_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from huggingface_hub.hf_api import RepoFile

    from registry.download import Progress
    from registry.errors import RegistryError
    from registry.huggingface.repositories import Repositories, State
    from registry.stores.directory import DirectoryStore


class Publication:
    """One version on its way to the Hub.

    Parameters
    ----------
    repositories
        Where to publish.
    data
        The manifest.
    files
        The store whose blobs are the content.
    existing
        Returns the error for a version that somebody else has published.
    progress
        Called with the number of bytes as they are sent.
    """

    def __init__(
        self,
        repositories: Repositories,
        data: bytes,
        files: DirectoryStore,
        existing: Callable[[], RegistryError],
        progress: Progress | None = None,
    ) -> None:
        self.repositories = repositories
        self.data = data
        self.manifest = parse_manifest(data)
        self.existing = existing
        contents = {f.path: files.path(blob_path(f.sha256)) for f in self.manifest.files}
        self.commit = Commit(
            repositories,
            self.manifest.name,
            {**contents, MANIFEST: data},
            f"Publish version {self.manifest.version}",
            f"Manifest sha256:{digest_of(data)}",
            progress,
        )

    def run(self, *, private: bool) -> str:
        """Publish, and return the commit.

        Parameters
        ----------
        private
            Make a new repository private.

        Raises
        ------
        ExistsError
            If the version exists, or the repository holds other files.
        RegistryError
            As `Commit.create` and `Commit.run`.
        """
        self.commit.create(private=private)
        commit = self.commit.run(self._outdated)
        self._tag(commit)
        return commit

    def _outdated(self, state: State, listed: Mapping[str, RepoFile]) -> set[str]:
        """Return the files of the version before that this one does not have."""
        if self.manifest.version in state.versions:
            raise self.existing()
        name = self.manifest.name
        before = self.repositories.manifest(name, state.head) if MANIFEST in listed else None
        if before is None:
            others = sorted(set(listed) - OF_NEW_ONES)
            if others:
                raise ExistsError(
                    f"{self.commit.client.page(name)} was not published by mlip-hub; it holds "
                    f"{', '.join(others[:5])}",
                    "Publish under another name.",
                )
            return set()
        old = {entry.path for entry in parse_manifest(before).files}
        return (old & set(listed)) - {entry.path for entry in self.manifest.files}

    def _tag(self, commit: str) -> None:
        """Tag a commit; a lost answer is looked for before the call is repeated."""
        from huggingface_hub.errors import HfHubHTTPError

        made, tag, retries = self.commit, tag_of(self.manifest.version), Retries()
        problem = TransientError("no answer")

        def send() -> None:
            try:
                made.client.api.create_tag(
                    made.repository, tag=tag, revision=commit, repo_type=made.kind
                )
            except HfHubHTTPError as failure:
                # The tag exists; whether it is this one is looked up.
                if failure.response.status_code != 409:
                    raise

        for attempt in range(1, ATTEMPTS + 1):
            try:
                made.client.once(made.name, send)
            except TransientError as failure:
                problem = failure
                time.sleep(retries.pause(attempt, failure.wait))
            tagged = made.state().versions.get(self.manifest.version)
            if tagged == commit:
                return
            if tagged is not None:
                if self.repositories.manifest(made.name, tagged) != self.data:
                    raise self.existing()
                return
        raise unreachable(made.client.page(made.name), problem)
