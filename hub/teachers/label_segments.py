"""Labels as they come in: a file for each run of structures that is done, in any order.

A segment is there whole or not at all, so whatever is killed, what is there is done.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hub.datasets.blocks import Labels
from hub.datasets.segments import Segment
from registry.errors import IntegrityError
from registry.files import storage_errors
from registry.outputs import write_file
from registry.removal import TEMPORARY, claim, entries, take_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SETTINGS = "settings.json"
_SUFFIX = ".npz"
_NAMES = re.compile(rf"\d{{10}}-\d{{10}}{re.escape(_SUFFIX)}")
CONTENT = "content"  # the dataset with the labels, beside the segments
_OURS = re.compile(rf"{re.escape(_SETTINGS)}|{CONTENT}|{_NAMES.pattern}|{TEMPORARY.pattern}")


class LabelSegments:
    """The segments of one unfinished label set, in a directory.

    Parameters
    ----------
    directory
        Where they are, or will be.

    Raises
    ------
    StorageError
        If there is something that we did not make.
    """

    def __init__(self, directory: Path) -> None:
        take_over(directory, _OURS)
        self.directory = directory

    @property
    def settings(self) -> dict[str, Any] | None:
        """What `begin` was given; None if nothing has begun."""
        path = self.directory / _SETTINGS
        with storage_errors(path):
            return json.loads(path.read_bytes()) if path.exists() else None

    def begin(self, settings: dict[str, Any]) -> None:
        """Note by which settings the labels are made, as JSON."""
        claim(self.directory, _OURS)
        write_file(self.directory / _SETTINGS, json.dumps(settings).encode())

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
        rows = {"energies": labels.energies, "forces": labels.forces}
        segment = Segment([rows], facts={"failures": failures})
        stop = start + len(labels.energies)
        write_file(self.directory / f"{start:010d}-{stop:010d}{_SUFFIX}", segment.to_bytes())

    def done(self) -> list[tuple[int, int]]:
        """Return the runs that are done, as first structure and the one after the last, sorted."""
        names = [path.stem for path in entries(self.directory, _NAMES)]
        return [(int(name[:10]), int(name[11:])) for name in names]

    def missing(self, n_structures: int) -> list[tuple[int, int]]:
        """Return the runs of a dataset that are not done, sorted."""
        edges = [(0, 0), *self.done(), (n_structures, n_structures)]
        return [(stop, start) for (_, stop), (start, _) in pairwise(edges) if start > stop]

    def labels(self) -> Iterator[Labels]:
        """Give the labels of all structures in order, once nothing is missing."""
        for segment in self._segments():
            (rows,) = segment.blocks
            yield Labels(rows["energies"], rows["forces"])

    def failures(self) -> dict[int, str]:
        """Return why structures have no labels, by their number in the dataset."""
        return {
            int(number): reason
            for segment in self._segments()
            for number, reason in segment.facts["failures"].items()
        }

    def _segments(self) -> Iterator[Segment]:
        for path in entries(self.directory, _NAMES):
            try:
                yield Segment.from_file(path)
            except IntegrityError as problem:
                raise IntegrityError(
                    problem.message, "Remove it and go on with --resume: it is labelled again."
                ) from problem
