"""A dataset carried to other elements: structures and all label sets, scaled."""

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
    "energies and forces disagree in this dataset: its forces are not the derivatives of its "
    "energies, but larger by the length scale"
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
    """Make a dataset version of another by scaling it.

    Columns and other arrays over atoms are kept as they are: what they mean is not known.

    Parameters
    ----------
    opened
        The dataset.
    transmutation
        Of its elements, all of them.
    name, version
        What the new one is to be called, for good.
    paper_forces
        Scale forces as energies are, as published (Gardner, Baker, Deringer 2023): with an energy
        scale of 1 energies and forces are kept. Forces are then wrong by the length scale, while
        stresses and virials remain the derivatives of the energies by strain.
    to
        The name of a registry, or a directory; this machine's own registry by default.
    licence
        Replaces that of the dataset.
    resume
        Go on after a killed predecessor.
    progress
        Called with the number of structures so far.

    Returns
    -------
    The version, and what is in it.

    Raises
    ------
    AlchemyError
        If an element becomes nothing, or several.
    ExistsError
        If the version exists, or another process makes it now.
    StorageError
        If the disk is full or cannot be written; `resume` goes on from there.
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
    """Scale what is an energy; magnetic moments and the like mean nothing for other elements."""
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
    """Say where labels come from, and scale the energies of atoms that are said of them."""

    def scaled(energies: dict[str, float]) -> dict[str, float]:
        if len(set(new.values())) < len(new):
            return {}  # elements that become one have no energy in common
        return {new[old]: energy_scale * each for old, each in energies.items() if old in new}

    return replace(
        label_set,
        reference_energies=scaled(label_set.reference_energies),
        subtracted_energies=scaled(label_set.subtracted_energies),
        source="; ".join(filter(None, [text, label_set.source])),
    )
