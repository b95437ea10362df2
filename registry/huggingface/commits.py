"""Bring files into a repository on the Hub by one commit.

Whatever is interrupted, a second call continues: a commit that holds just these files is used
instead of being made again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from registry.download import Retries
from registry.errors import IntegrityError, OfflineError, SettingsError
from registry.huggingface.errors import unreachable
from registry.huggingface.repositories import BRANCH, is_listed
from registry.huggingface.uploads import Uploads
from registry.stores.base import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from huggingface_hub.hf_api import RepoFile

    from registry.download import Progress
    from registry.huggingface.repositories import Repositories, State

ATTEMPTS = 5  # at a commit while others commit, or while answers are lost

# What the Hub or the web page for a new repository puts into one.
OF_NEW_ONES = frozenset({".gitattributes", "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md"})


class Commit:
    """Files on their way to the main branch of a repository.

    Parameters
    ----------
    repositories
        Where the repository is.
    name
        The repository.
    contents
        The files by their path in the repository, each a file on this machine or its bytes.
    message, description
        Of the commit.
    progress
        Called with the number of bytes of files as they are sent.
    """

    def __init__(
        self,
        repositories: Repositories,
        name: str,
        contents: Mapping[str, Path | bytes],
        message: str,
        description: str = "",
        progress: Progress | None = None,
    ) -> None:
        self.repositories = repositories
        self.client = repositories.client
        self.name = name
        self.contents = contents
        self.message = message
        self.description = description
        self.repository = repositories.address.repository(name)
        self.kind = repositories.address.kind
        self.uploads = Uploads(contents, progress)

    def create(self, *, private: bool) -> None:
        """Create the repository, unless it is there.

        Raises
        ------
        SettingsError
            If it is public, and a private one is wanted.
        """
        api = self.client.api
        if self.repositories.state(self.name) is None:
            self.client.ask(
                self.name,
                lambda: api.create_repo(
                    self.repository,
                    private=True if private else None,
                    repo_type=self.kind,
                    exist_ok=True,
                ),
            )
        if private and not self._is_private():
            page = self.client.page(self.name)
            raise SettingsError(
                f"{page} is public, and --private was given",
                f"Make it private at {page}/settings, or leave out --private.",
            )

    def run(self, outdated: Callable[[State, Mapping[str, RepoFile]], set[str]]) -> str:
        """Make the commit, and return its id once the Hub lists the checksums of all files.

        Parameters
        ----------
        outdated
            Takes where the repository points and the files of its newest commit; returns those to
            remove, or raises if nothing must be committed.

        Raises
        ------
        AccessError
            If the token does not suffice.
        SettingsError
            If the Hub refuses the card.
        OfflineError
            If the Hub cannot be reached.
        IntegrityError
            If the Hub holds other bytes than were sent.
        """
        retries, problem = Retries(), TransientError("others keep committing to it")
        for attempt in range(1, ATTEMPTS + 1):
            state = self.state()
            listed = self.repositories.files(self.name, state.head) if state.head else {}
            removed = outdated(state, listed)
            if state.head and not removed and self.is_held(listed):
                return state.head
            try:
                commit = self._send(state.head, removed)
            except TransientError as failure:
                # Others have committed, or the answer was lost: look before repeating it.
                problem = failure
                time.sleep(retries.pause(attempt, failure.wait))
                continue
            if self.is_held(self.repositories.files(self.name, commit)):
                return commit
            raise IntegrityError(
                f"{self.client.page(self.name)}/tree/{commit} does not contain what was uploaded",
                "Try again.",
            )
        raise unreachable(self.client.page(self.name), problem)

    def state(self) -> State:
        """Return where the repository points, which is known to be there."""
        state = self.repositories.state(self.name)
        if state is None:
            page = self.client.page(self.name)
            raise OfflineError(f"{page} was created, but cannot be read", "Try again.")
        return state

    def is_held(self, listed: Mapping[str, RepoFile]) -> bool:
        """Whether all files are listed with their checksums."""
        return all(
            path in listed and is_listed(content, listed[path])
            for path, content in self.contents.items()
        )

    def _is_private(self) -> bool:
        info = self.client.ask(
            self.name, lambda: self.client.api.repo_info(self.repository, repo_type=self.kind)
        )
        return bool(info.private)

    def _send(self, parent: str, removed: set[str]) -> str:
        from huggingface_hub import CommitOperationDelete

        operations = [*self.uploads.operations, *map(CommitOperationDelete, sorted(removed))]
        with self.uploads.counted():
            done = self.client.once(
                self.name,
                lambda: self.client.api.create_commit(
                    self.repository,
                    operations,
                    commit_message=self.message,
                    commit_description=self.description,
                    repo_type=self.kind,
                    revision=BRANCH,
                    parent_commit=parent or None,
                ),
            )
        return str(done.oid)
