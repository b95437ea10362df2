"""Files on their way to the Hub, counted as the client of the Hub sends them."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from registry.download import Progress


class Uploads:
    """The files of one commit.

    Parameters
    ----------
    contents
        The files by their path in the repository, each a file on this machine or its bytes.
    progress
        Called with the number of bytes of files on this machine as they are sent. What the Hub has
        already counts as sent when the commit is made.
    """

    def __init__(
        self, contents: Mapping[str, Path | bytes], progress: Progress | None = None
    ) -> None:
        self.contents = contents
        self.progress = progress
        self._lock = Lock()
        self._sent: dict[str, int] = {}

    @cached_property
    def operations(self) -> list[Any]:
        """What the client is given; it remembers in these objects what it has uploaded."""
        return [
            _addition(path, content, lambda done, path=path: self._note(path, done))  # type: ignore[misc]
            for path, content in self.contents.items()
        ]

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what the client sends in the meantime, to either of the Hub's storages."""
        if self.progress is None:
            yield
            return
        with _telling_of_xet(lambda done: self._note("", done)):
            yield
        self.progress(self._total, self._total)

    @cached_property
    def _total(self) -> int:
        return sum(each.stat().st_size for each in self.contents.values() if isinstance(each, Path))

    def _note(self, path: str, done: int) -> None:
        """Note that a file has been sent up to some byte; "" stands for all that Xet sends."""
        if self.progress is not None:
            with self._lock:
                self._sent[path] = done
                self.progress(min(sum(self._sent.values()), self._total), self._total)


def _addition(path: str, content: Path | bytes, note: Callable[[int], None]) -> Any:
    """Return a file as the client takes it; `note` is called when some of it is read to be sent."""
    from huggingface_hub import CommitOperationAdd

    class Addition(CommitOperationAdd):
        @contextmanager
        def as_file(self, with_tqdm: bool = False) -> Iterator[BinaryIO]:
            with super().as_file() as file:
                if with_tqdm and isinstance(content, Path):  # where the client shows a bar
                    read = file.read

                    def counted(size: int = -1) -> bytes:
                        data = read(size)
                        note(file.tell())
                        return data

                    file.read = counted  # type: ignore[method-assign]
                yield file

    return Addition(path, content if isinstance(content, bytes) else str(content))


@contextmanager
def _telling_of_xet(note: Callable[[int], None]) -> Iterator[None]:
    """Let the client tell of the bytes that it sends by Xet, for which it has bars of its own.

    These are no public part of the client: in a release without them, nothing is told.
    """
    from huggingface_hub import utils

    try:
        from huggingface_hub.utils import _xet_progress_reporting as reporting
        from huggingface_hub.utils._xet_progress_reporting import XetUploadProgressReporter  # noqa: F401
    except ImportError:
        yield
        return

    class Reporter:
        def update_progress(self, report: Any, _: object) -> None:
            note(report.total_bytes_completed)

        def close(self) -> None:
            """Leave nothing behind."""

    places = ((utils, "are_progress_bars_disabled"), (reporting, "XetUploadProgressReporter"))
    kept = [getattr(module, name) for module, name in places]
    for (module, name), new in zip(places, (lambda: False, Reporter), strict=True):
        setattr(module, name, new)
    try:
        yield
    finally:
        for (module, name), old in zip(places, kept, strict=True):
            setattr(module, name, old)
