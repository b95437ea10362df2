"""Everything that is known of one name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import DataError
from hub.facts import facts_of
from hub.library import catalogue
from registry.builtin import source_facts
from registry.cards import Card, split_front_matter
from registry.errors import SettingsError
from registry.origins import BUILTIN
from registry.references import Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.datasets.survey import Survey
    from registry.download import Progress
    from registry.manifest import FileEntry, Parent
    from registry.versions import Version


@dataclass(frozen=True)
class Shown:
    """What is known of a version.

    Attributes
    ----------
    reference
        ``registry/name@version``.
    kind
        ``model`` or ``dataset``.
    description
        One line for people.
    digest
        sha256 of the manifest; None for a published file that is not on this machine yet.
    licence, licence_note
        Licence identifier, and what its card adds to it.
    citation
        As its card states it, mostly BibTeX.
    elements, architecture, level_of_theory
        As in `hub.facts.Facts`.
    files, parents, metadata
        As in the manifest; of a published file, where it is to be had.
    card
        The whole card, with its front matter.
    text
        The card for people.
    survey
        What was drawn, if a plot was asked for.
    """

    reference: str
    kind: str
    description: str
    digest: str | None
    licence: str
    licence_note: str
    citation: str
    elements: tuple[str, ...]
    architecture: str
    level_of_theory: str
    files: tuple[FileEntry, ...]
    parents: tuple[Parent, ...]
    metadata: dict[str, Any] = field(repr=False)
    card: str = field(repr=False)
    text: str = field(repr=False)
    survey: Survey | None = None


def show(
    name: str,
    *,
    plot: str | Path | None = None,
    where: str | None = None,
    sample: int = 500,
    pulling: Progress | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Shown:
    """Return the card of a version, its files with their digests, licence, citation and parents.

    Parameters
    ----------
    name
        A reference.
    plot
        Draw the radial distribution, bond angles, coordination and labels of a dataset to this PNG
        file; what is needed of the dataset is pulled.
    where
        A condition on the structures to plot, such as ``density >= 2.0``.
    sample
        Number of structures to plot (random subset).
    pulling
        Called with the bytes received so far and in total.
    progress
        Called with the structures analysed so far and in total.

    Raises
    ------
    NotFoundError
        If there is no such version.
    OfflineError
        If the network is needed, but switched off or unreachable.
    DataError
        If something that is no dataset is to be plotted, or no structure fits `where`.
    StorageError
        If the plot cannot be written.
    """
    names = catalogue()
    found = names.resolve(Reference.parse(name))
    kind = found.kind if isinstance(found, Card) else found.manifest.kind
    if plot is not None and kind != "dataset":
        raise DataError(f"--plot draws datasets, and {name} is a {kind}")
    surveyed = None
    if plot is not None:
        from hub.datasets.survey import survey
        from hub.datasets.survey_plot import survey_plot

        surveyed = survey(name, sample, where=where, pulling=pulling, progress=progress)
        survey_plot(Path(plot), surveyed)
    return _shown(found, names.readme(found), surveyed)


def _shown(found: Version | Card, card: str, surveyed: Survey | None) -> Shown:
    if isinstance(found, Card):
        reference, description = f"{BUILTIN}/{found.name}@{found.version}", found.description
        kind, digest, metadata = str(found.kind), None, source_facts(found)
        files, parents = (), ()
    else:
        manifest = found.manifest
        reference, description = str(found.reference), manifest.description
        kind, digest, metadata = str(manifest.kind), found.digest, manifest.metadata
        files, parents = manifest.files, manifest.parents  # type: ignore[assignment]
    try:
        front_matter, text = split_front_matter(card, reference)
    except SettingsError:
        # A version may have been published with a card of its own style, or with none.
        front_matter, text = {}, card
    facts = facts_of(found)
    return Shown(
        reference=reference,
        kind=kind,
        description=description,
        digest=digest,
        licence=facts.licence,
        licence_note=str(front_matter.get("license_note", "")),
        citation=str(front_matter.get("citation", "")).strip(),
        elements=facts.elements,
        architecture=facts.architecture,
        level_of_theory=facts.level_of_theory,
        files=files,
        parents=parents,
        metadata=metadata,
        card=card,
        text=text,
        survey=surveyed,
    )
