"""A folder of a user's own, to which links are put where we might delete or replace something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Treasure:
    """Dummy files, some of them under names that we use ourselves.

    Parameters
    ----------
    folder
        A new folder in the temporary folder of a test.
    """

    NAMES = (
        "diary.txt", "weights.safetensors", "training-state.pt", "run.json", ".mlip-hub", ".lock",
        "begun.json", "000000.npz", f"{'0' * 32}.tmp", "notes.tmp", f"{'a' * 64}.part",
        "model/README.md", "seed-0/results.json", f"{'1' * 32}.tmp/old", "deep/er/still",
    )  # fmt: skip

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in self.NAMES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"all that I know of {name}")
        self.file = folder / "diary.txt"
        self._before = self._content()

    def _content(self) -> dict[str, tuple[bytes, int]]:
        return {
            path.relative_to(self.folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def assert_untouched(self) -> None:
        """Fail unless every byte of it is where it was, and nothing else is there."""
        assert self._content() == self._before
