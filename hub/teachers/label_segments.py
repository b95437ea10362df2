"""Labels of an unfinished label set: a file for each finished run of structures, in any order.

A segment is written completely or not at all, so existing segments are valid after any kill.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from hub.datasets.blocks import Labels
from hub.datasets.segments import Segment
from registry.documents import damage, fit
from registry.errors import IntegrityError
from registry.outputs import write_file
from registry.removal import entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIX = ".npz"
_NAMES = re.compile(rf"\d{{10}}-\d{{10}}{re.escape(_SUFFIX)}")
CONTENT = "content"  # the dataset with the labels, beside the segments
SETTINGS = "settings.json"
OURS = rf"{CONTENT}|{_NAMES.pattern}"
_REMOVE = "Remove it and resume with --resume: its structures will be labelled again."


class _Facts(Struct, forbid_unknown_fields=True):
    """Why structures have no labels, by their number in the dataset."""

    failures: dict[Annotated[str, Meta(pattern="^[0-9]{1,15}$")], str]


class LabelSegments:
    """The segments of one unfinished label set, in a directory.

    Parameters
    ----------
    directory
        Directory of the segments, created if needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, start: int, labels: Labels, failures: dict[int, str]) -> None:
        """Store the labels of consecutive structures.

        Parameters
        ----------
        start
            The first structure.
        labels
            Labels of the structures from there.
        failures
            Why structures have no labels, by their number in the dataset.
        """
        rows = {"energies": labels.energies, "forces": labels.forces, **labels.properties}
        segment = Segment([rows], facts={"failures": failures})
        stop = start + len(labels.energies)
        write_file(self.directory / f"{start:010d}-{stop:010d}{_SUFFIX}", segment.to_bytes())

    def done(self) -> list[tuple[int, int]]:
        """Return the finished runs, as first structure and the one after the last, sorted."""
        return [(int(path.stem[:10]), int(path.stem[11:])) for path in self._paths()]

    def missing(self, n_structures: int) -> list[tuple[int, int]]:
        """Return the unfinished runs of a dataset, sorted."""
        edges = [(0, 0), *self.done(), (n_structures, n_structures)]
        return [(stop, start) for (_, stop), (start, _) in pairwise(edges) if start > stop]

    def labels(self) -> Iterator[Labels]:
        """Yield the labels of all structures in order; none may be missing."""
        for segment in self._segments():
            (rows,) = segment.blocks
            yield Labels(rows.pop("energies"), rows.pop("forces"), rows)

    def failures(self) -> dict[int, str]:
        """Return why structures have no labels, by their number in the dataset."""
        failures: dict[int, str] = {}
        for path, segment in zip(self._paths(), self._segments(), strict=True):
            with damage(path, IntegrityError, _REMOVE):
                facts = fit(segment.facts, _Facts)
            failures |= {int(number): reason for number, reason in facts.failures.items()}
        return failures

    def _paths(self) -> list[Path]:
        return list(entries(self.directory, _NAMES))

    def _segments(self) -> Iterator[Segment]:
        for path in self._paths():
            try:
                yield Segment.from_file(path)
            except IntegrityError as problem:
                raise IntegrityError(problem.message, _REMOVE) from problem
