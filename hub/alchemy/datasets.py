"""A dataset transferred to other elements: structures and all label sets, scaled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.alchemy.transmutation import transmute_structures
from hub.datasets.blocks import Block, Labels
from hub.datasets.card import Description, made_of
from hub.datasets.dataset import Dataset
from hub.datasets.making import Content, make_dataset
from registry.manifest import Parent
from registry.origins import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hub.alchemy.transmutation import Transmutation
    from hub.datasets.layout import LabelSet
    from hub.library import OpenedVersion
    from hub.structures.arrays import FloatArray
    from registry.versions import LocalVersion

RELATION = "transmuted"
PAPER_WARNING = (
    "energies and forces are inconsistent in this dataset: its forces are larger than the "
    "negative gradients of its energies by the length scale"
)


def transmute_dataset(
    opened: OpenedVersion,
    transmutation: Transmutation,
    name: str,
    version: str = "1.0.0",
    *,
    paper_forces: bool = False,
    to: str = LOCAL,
    licence: str = "",
    resume: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[LocalVersion, dict[str, Any]]:
    """Make a new dataset version by scaling another one.

    Columns and other arrays over atoms are kept unchanged, since their meaning is unknown.

    Parameters
    ----------
    opened
        The dataset.
    transmutation
        Transmutation of all its elements.
    name, version
        Name and version of the result; they cannot be changed later.
    paper_forces
        Scale forces like energies, as published (Gardner, Baker, Deringer 2023): with an energy
        scale of 1, energies and forces are unchanged. Forces are then wrong by the length scale,
        while stresses and virials remain the derivatives of the energies with respect to strain.
    to
        Registry to publish to: a name or a directory; this machine's own by default.
    licence
        Replaces that of the dataset.
    resume
        Resume an interrupted run.
    progress
        Called with the number of structures done.

    Returns
    -------
    The version, and a summary of its content.

    Raises
    ------
    AlchemyError
        If an element has no new element, or several.
    ExistsError
        If the version already exists, or another process is making it.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    dataset = Dataset(opened.path)
    new = transmutation.new_of(dataset.elements)
    parent = opened.version
    of = f"{parent.manifest.name}@{parent.manifest.version}" if parent else opened.path.name
    how = {**transmutation.to_json(), "forces": "paper" if paper_forces else "consistent"}
    force_scale = transmutation.energy_scale if paper_forces else transmutation.force_scale

    def blocks(cursor: Any) -> Iterator[tuple[Any, Block]]:
        for number, block in enumerate(dataset.blocks(), start=1):
            if number > (cursor or 0):
                yield number, _transmuted(block, transmutation, force_scale)

    content = Content(
        blocks=blocks,
        label_sets={
            label: _provenance(
                label_set, new, transmutation.energy_scale, f"{of}, transmuted: {how}"
            )
            for label, label_set in dataset.label_sets.items()
        },
        dtype=dataset.dtype,
        begun=[str(opened.path), parent.digest if parent else "", how],
        parents=(Parent(**opened.as_parent(RELATION)),) if parent else (),
    )
    text = f"{of} with {transmutation}"
    if paper_forces:
        text += f"; {PAPER_WARNING}"
    description = Description(
        text=text,
        licence=licence or (parent.manifest.licence if parent else ""),
        made=(*made_of(parent), {"transmutation": {"of": of, **how}}),
    )
    return make_dataset(
        content,
        name,
        version,
        work="transmute",
        to=to,
        resume=resume,
        description=description,
        progress=progress,
    )


def _transmuted(block: Block, transmutation: Transmutation, force_scale: float) -> Block:
    labels = {
        name: Labels(
            each.energies * transmutation.energy_scale,
            each.forces * force_scale,
            _scaled(each.properties, transmutation),
        )
        for name, each in block.labels.items()
    }
    structures = transmute_structures(block.structures, transmutation)
    return replace(block, structures=structures, labels=labels)


def _scaled(
    properties: Mapping[str, FloatArray], transmutation: Transmutation
) -> dict[str, FloatArray]:
    """Scale energies, stresses and virials; drop the rest, e.g. magnetic moments."""
    scales = {
        "free_energy": transmutation.energy_scale,
        "virial": transmutation.energy_scale,
        "energies": transmutation.energy_scale,
        "stress": transmutation.stress_scale,
        "stresses": transmutation.stress_scale,
    }
    return {name: values * scales[name] for name, values in properties.items() if name in scales}


def _provenance(
    label_set: LabelSet, new: dict[str, str], energy_scale: float, text: str
) -> LabelSet:
    """Record where labels come from, and scale the recorded energies of atoms."""

    def scaled(energies: dict[str, float]) -> dict[str, float]:
        if len(set(new.values())) < len(new):
            return {}  # elements that become the same one have different energies
        return {new[old]: energy_scale * each for old, each in energies.items() if old in new}

    return replace(
        label_set,
        reference_energies=scaled(label_set.reference_energies),
        subtracted_energies=scaled(label_set.subtracted_energies),
        source="; ".join(filter(None, [text, label_set.source])),
    )
