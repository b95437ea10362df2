"""Import published datasets: archives of structures, and labels joined to them by order."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import asdict
from fnmatch import fnmatchcase
from io import TextIOWrapper
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.blocks import Block, Labels
from hub.datasets.card import summarise
from hub.datasets.conditions import evaluate
from hub.datasets.dataset import Dataset
from hub.datasets.layout import CONFIG_TYPE
from hub.datasets.writer import DatasetWriter
from hub.errors import DataError
from hub.importers.label_tape import LabelTape, files_in_order
from hub.importers.recipes import recipe_of
from hub.structures.files import iterate_file
from hub.structures.formats.extxyz import iterate_extxyz
from hub.structures.structure_set import StructureSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt
    from ase import Atoms

    from hub.importers.recipes import LabelRecipe, Recipe
    from hub.structures.arrays import FloatArray, IntArray
    from registry.cards import Card

ISOLATED = "isolated_atom"
_BLOCK_ATOMS = 65_536


def import_published(card: Card, sources: Sequence[Path], directory: Path) -> dict[str, Any]:
    """Make a dataset from published files.

    Parameters
    ----------
    card
        The dataset's card; its ``dataset`` section is the recipe.
    sources
        The published files, in the order of the card.
    directory
        Where the dataset is written.

    Returns
    -------
    Metadata for the version's manifest: a summary of the dataset, and the verification of joins.

    Raises
    ------
    DataError
        If a file is broken or lacks an entry, or labels do not belong to the structures.
    SettingsError
        If the card's recipe is invalid.
    """
    recipe = recipe_of(card)
    files = {source.path: path for source, path in zip(card.sources, sources, strict=True)}
    tapes = {
        name: LabelTape(files_in_order(labels.files, files))
        for name, labels in recipe.joined_labels.items()
    }
    about = {name: labels.about for name, labels in recipe.labels.items()}
    with DatasetWriter(directory, about) as writer:
        for frames in _in_blocks(_frames(recipe, files)):
            writer.append(_block(frames, recipe, tapes))
        for tape in tapes.values():
            tape.finish()
        writer.finish()
    return {
        "dataset": summarise(Dataset(directory, card.name)),
        "joins": {name: _joins(tape) for name, tape in tapes.items()},
    }


def _joins(tape: LabelTape) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(value, 4) for key, value in asdict(proof).items()}
        for name, proof in tape.proofs.items()
    }


def _frames(recipe: Recipe, files: Mapping[str, Path]) -> Iterator[Atoms]:
    """Yield the structures in the order of published labels: by path, then frame."""
    path = files[recipe.structures]
    if not recipe.members:
        yield from iterate_file(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
            members = sorted(name for name in names if fnmatchcase(str(name), recipe.members))
            if not members:
                raise DataError(f"{path} contains no file {recipe.members}")
            for member in members:
                yield from _member_frames(archive, str(member))
    except (zipfile.BadZipFile, zlib.error, EOFError) as problem:
        raise DataError(f"{path} is not a complete zip archive: {problem}") from problem


def _member_frames(archive: zipfile.ZipFile, member: str) -> Iterator[Atoms]:
    count = 0
    try:
        with archive.open(member) as raw:
            for atoms in iterate_extxyz(TextIOWrapper(raw, encoding="utf-8")):
                yield atoms
                count += 1
    except (ValueError, KeyError, IndexError, OSError) as problem:
        raise DataError(f"{member}[{count}] cannot be read: {problem}") from problem


def _in_blocks(frames: Iterator[Atoms]) -> Iterator[list[Atoms]]:
    block: list[Atoms] = []
    n_atoms = 0
    for atoms in frames:
        block.append(atoms)
        n_atoms += len(atoms)
        if n_atoms >= _BLOCK_ATOMS:
            yield block
            block, n_atoms = [], 0
    if block:
        yield block


def _block(frames: list[Atoms], recipe: Recipe, tapes: Mapping[str, LabelTape]) -> Block:
    structures = StructureSet.from_atoms(frames)
    extras = {name: _column(frames, key) for name, key in recipe.extras.items()}
    if recipe.isolated_beyond is not None:
        reach = recipe.isolated_beyond
        extras[ISOLATED] = np.array([_has_isolated_atom(atoms, reach) for atoms in frames])
    columns = _Columns(extras | {CONFIG_TYPE: structures.config_types}, structures.pointers)
    for name, condition in recipe.subsets.items():
        extras[name] = columns.structure_values[name] = evaluate(condition, columns)
    labels = {name: _own_labels(frames, each) for name, each in recipe.own_labels.items()}
    for name, each in recipe.joined_labels.items():
        known = labels[each.proved_by].forces
        labels[name] = tapes[name].take(extras[each.subset], structures.pointers, known)
    atom_extras = {name: _rows(frames, [key]) for name, key in recipe.atom_extras.items()}
    return Block(structures, labels, extras, atom_extras)


class _Columns:
    """The extras of a block, for conditions."""

    name = "the published file"

    def __init__(self, values: dict[str, npt.NDArray[Any]], pointers: IntArray) -> None:
        self.structure_values = values
        self.pointers = pointers

    @property
    def structure_extras(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: {} for name in self.structure_values}

    def column(self, name: str) -> npt.NDArray[Any]:
        return self.structure_values[name]

    def __len__(self) -> int:
        return len(self.pointers) - 1


def _own_labels(frames: list[Atoms], recipe: LabelRecipe) -> Labels:
    """Return the labels that came with the structures; atomic energies are summed."""
    energies = _entries(frames, recipe.energy_keys)
    return Labels(
        np.array([np.nan if value is None else value.sum() for value in energies], np.float64),
        _rows(frames, recipe.forces_keys, 3),
    )


def _rows(frames: list[Atoms], keys: Sequence[str], *row_shape: int) -> FloatArray:
    """Return (A, ...) an entry of every atom; NaN for structures without it."""
    parts = [
        np.full((len(atoms), *row_shape), np.nan) if rows is None else rows
        for atoms, rows in zip(frames, _entries(frames, keys), strict=True)
    ]
    return np.concatenate(parts).astype(np.float64)


def _entries(frames: list[Atoms], keys: Sequence[str]) -> list[npt.NDArray[Any] | None]:
    """Return, for each structure, the first of some entries; at least one must have one."""
    entries = [_entry(atoms, keys) for atoms in frames]
    if all(entry is None for entry in entries):
        found = ", ".join(sorted({key for place in _places(frames[0]) for key in place}))
        raise DataError(
            f"the published file has no entry {' or '.join(keys)} (found: {found})",
            "It does not match the card.",
        )
    return entries


def _entry(atoms: Atoms, keys: Sequence[str]) -> npt.NDArray[Any] | None:
    found = (place[key] for key in keys for place in _places(atoms) if key in place)
    entry = next(found, None)
    return None if entry is None else np.asarray(entry)


def _places(atoms: Atoms) -> tuple[Mapping[str, Any], ...]:
    """Return the mappings in which ASE may have put an entry of a file."""
    return atoms.info, atoms.arrays, getattr(atoms.calc, "results", {})


def _column(frames: list[Atoms], key: str) -> npt.NDArray[Any]:
    """Return an entry of every structure as one array; NaN or empty if it is absent."""
    values = [atoms.info.get(key, np.nan) for atoms in frames]
    if any(isinstance(value, str) for value in values):
        return np.array([value if isinstance(value, str) else "" for value in values], np.str_)
    return np.array(values)


def _has_isolated_atom(atoms: Atoms, reach: float) -> bool:
    """Whether any atom has no neighbour (including its own images) within `reach` Å."""
    from ase.neighborlist import neighbor_list

    return len(np.unique(neighbor_list("i", atoms, reach))) < len(atoms)
