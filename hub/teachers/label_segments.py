"""Labels as they come in: a file for each run of structures that is done, in any order.

A segment is there whole or not at all, so whatever is killed, what is there is done.
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
_REMOVE = "Remove it and go on with --resume: it is labelled again."


class _Facts(Struct, forbid_unknown_fields=True):
    """Why structures have no labels, by their number in the dataset."""

    failures: dict[Annotated[str, Meta(pattern="^[0-9]{1,15}$")], str]


class LabelSegments:
    """The segments of one unfinished label set, in a directory.

    Parameters
    ----------
    directory
        Where they are, or will be.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, start: int, labels: Labels, failures: dict[int, str]) -> None:
        """Keep the labels of consecutive structures, for good.

        Parameters
        ----------
        start
            The first structure.
        labels
            Of the structures from there.
        failures
            Why structures have none, by their number in the dataset.
        """
        rows = {"energies": labels.energies, "forces": labels.forces, **labels.properties}
        segment = Segment([rows], facts={"failures": failures})
        stop = start + len(labels.energies)
        write_file(self.directory / f"{start:010d}-{stop:010d}{_SUFFIX}", segment.to_bytes())

    def done(self) -> list[tuple[int, int]]:
        """Return the runs that are done, as first structure and the one after the last, sorted."""
        return [(int(path.stem[:10]), int(path.stem[11:])) for path in self._paths()]

    def missing(self, n_structures: int) -> list[tuple[int, int]]:
        """Return the runs of a dataset that are not done, sorted."""
        edges = [(0, 0), *self.done(), (n_structures, n_structures)]
        return [(stop, start) for (_, stop), (start, _) in pairwise(edges) if start > stop]

    def labels(self) -> Iterator[Labels]:
        """Give the labels of all structures in order, once nothing is missing."""
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
