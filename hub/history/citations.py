"""Citations of a model or dataset, and of everything that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.history.bibtex import Entry, entries, together
from hub.history.tracer import lineage

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Citations:
    """What to cite.

    Attributes
    ----------
    entries
        BibTeX entries, one for each work, with unique keys.
    without
        Models, datasets, teachers and files without a citation.
    """

    entries: tuple[Entry, ...]
    without: tuple[str, ...]

    @property
    def bibtex(self) -> str:
        """All entries as one BibTeX text."""
        return "\n\n".join(map(str, self.entries))


def cite(name: str | Path) -> Citations:
    """Return BibTeX for a model or dataset, its parents, their data and their teachers.

    Parameters
    ----------
    name
        A reference, or the directory of a run, a model or a dataset.

    Raises
    ------
    RegistryError
        As `hub.lineage` does.
    """
    steps = list(lineage(name).walk())
    found = [
        entry for step in steps if step.citation for entry in entries(step.citation, step.name)
    ]
    without = [f"{step.kind} {step.name}" for step in steps if not step.citation]
    return Citations(tuple(together(found)), tuple(dict.fromkeys(without)))
