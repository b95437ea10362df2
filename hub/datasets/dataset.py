"""Open a dataset, inspect it, and load parts of it into memory."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hub.datasets.blocks import Block, Labels
from hub.datasets.columns import column_facts, decode
from hub.datasets.gathering import gather_atoms, touched_shards
from hub.datasets.layout import (
    ATOM_EXTRAS,
    CONFIG_TYPE,
    CONSTRAINED,
    GROUP,
    PROPERTY_GROUP,
    REPAIR,
    SPLIT,
    STRUCTURE_EXTRAS,
    LabelSet,
    label_array,
    property_path,
    read_attributes,
)
from hub.datasets.loaded import LoadedStructures
from hub.datasets.names import PROPERTIES, renamed_notes, row_shapes, unreserved_names
from hub.datasets.selection import Choice, recorded_choice, select
from hub.datasets.shards import open_group, read_group, read_rows, shard_rows
from hub.errors import DataError
from hub.structures.stresses import from_voigt, of_bulk, stress_of_virial
from registry.documents import damage
from registry.errors import IntegrityError
from registry.files import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from hub.structures.arrays import FloatArray, IntArray

Facts = TypeVar("Facts")

_BLOCK_ATOMS = 262_144
LEAN = {CONFIG_TYPE, SPLIT, CONSTRAINED, "stress", "virial"}  # further data used in training


class Dataset:
    """A dataset in a directory. Opening it reads only attributes.

    Parameters
    ----------
    directory
        The directory that contains ``dataset.zarr``, or that directory itself.
    name
        Its name in messages and as the source of its structures.

    Attributes
    ----------
    n_structures, n_atoms
        Total numbers in the dataset.
    elements
        The chemical symbols in the dataset, sorted.
    dtype
        Precision of the stored positions and forces.
    label_sets
        The description of each label set, by name.

    Raises
    ------
    IntegrityError
        If there is no dataset, or its metadata are corrupted.
    IncompatibleError
        If a newer release wrote it.
    """

    def __init__(self, directory: Path, name: str = "", digest: str = "") -> None:
        inner = directory / GROUP
        self.path = inner if inner.is_dir() else directory
        self.name = name or str(directory)
        self.digest = digest
        self.group = open_group(self.path)
        self._kept: dict[str, npt.NDArray[Any]] = {}
        facts = read_attributes(read_group(self.path), str(directory))
        self.n_structures, self.n_atoms = facts.structures, facts.atoms
        self.elements, self.dtype = tuple(facts.elements), facts.dtype
        self.label_sets = {
            name: self._facts(f"labels/{name}", LabelSet.from_attributes)
            for name in facts.label_sets
        }

    def __len__(self) -> int:
        return self.n_structures

    @cached_property
    def pointers(self) -> IntArray:
        """(S + 1,); structure i owns atoms ``pointers[i]:pointers[i + 1]``."""
        pointers: IntArray = self.read("structures/pointers")
        if pointers[0] != 0 or pointers[-1] != self.n_atoms or (np.diff(pointers) < 0).any():
            raise IntegrityError(f"the pointers of {self.path} do not match its atoms")
        return pointers

    @cached_property
    def ids(self) -> npt.NDArray[np.uint8]:
        """(S, 16) content hashes of the structures."""
        return self.read("structures/ids")

    @cached_property
    def structure_extras(self) -> dict[str, dict[str, Any]]:
        """The attributes of every per-structure extra, by name: its range or its categories."""
        places = self._extras[STRUCTURE_EXTRAS].items()
        return {name: self._facts(place, column_facts) for name, place in places}

    @cached_property
    def atom_extras(self) -> tuple[str, ...]:
        """The names of the per-atom extras."""
        return tuple(self._extras[ATOM_EXTRAS])

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user about renamed extras."""
        places = [each for extras in self._extras.values() for each in extras.items()]
        renamed = {place.rpartition("/")[2]: name for name, place in places}
        return renamed_notes(renamed)

    def properties_of(self, labels: str) -> tuple[str, ...]:
        """Return the properties of a label set other than energies and forces."""
        group = self.path / label_array(labels, PROPERTY_GROUP)
        return tuple(name for name in PROPERTIES if (group / name).is_dir())

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return (S, ...) the values of a per-structure extra; text is decoded.

        Raises
        ------
        DataError
            If there is no such extra.
        """
        if name not in self.structure_extras:
            raise DataError(
                f"{self.name} has no column {name!r} (columns: {', '.join(self.structure_extras)})"
            )
        stored = self._read_once(self._extras[STRUCTURE_EXTRAS][name])
        return decode(stored, self.structure_extras[name])

    @cached_property
    def shard_atoms(self) -> int:
        """The number of atoms in a full shard of the per-atom arrays."""
        return shard_rows(self._node("structures/positions"), self.path)

    def shards_of(self, chosen: IntArray) -> IntArray:
        """Return the indices of the per-atom shards that contain some structures."""
        return touched_shards(self.pointers, chosen, self.shard_atoms)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Read rows of any array in stored form, e.g. ``labels/ace/forces``.

        Raises
        ------
        IntegrityError
            If a shard is missing, truncated or corrupted.
        """
        array = self._node(name)
        end = array.shape[0] if stop is None else stop
        return read_rows(array, start, end, self.path)

    def labels_name(self, labels: str | None) -> str:
        """Return the name of the label set to use: the only one if none is named.

        Raises
        ------
        DataError
            If there is no such label set, or there are several to choose from.
        """
        names = ", ".join(self.label_sets) or "none"
        if labels is None:
            if len(self.label_sets) > 1:
                raise DataError(
                    f"{self.name} has several label sets: {names}", "Choose one with --labels."
                )
            return next(iter(self.label_sets), "")
        if labels and labels not in self.label_sets:
            raise DataError(
                f"{self.name} has no label set {labels!r} (label sets: {names})",
                "Choose one of these with --labels.",
            )
        return labels

    def load(
        self,
        labels: str | None = None,
        *,
        where: str | None = None,
        sample: int | None = None,
        seed: int = 0,
        labelled_only: bool = False,
    ) -> LoadedStructures:
        """Load structures and one label set into memory.

        Parameters
        ----------
        labels
            The name of the label set; the only one by default, and none if empty.
        where
            A condition on extras, e.g. ``density >= 2.0 and time >= 10``.
        sample
            Number of structures drawn at random without replacement from those that match.
        seed
            Seed of the random sample.
        labelled_only
            Leave out structures without an energy in the label set.

        Raises
        ------
        DataError
            If there is no such label set or extra, or no structure matches.
        IntegrityError
            If a required shard is missing, truncated or corrupted.
        """
        chosen = self.choose(labels, Choice(where, sample, seed), labelled_only=labelled_only)
        return self.take(self.labels_name(labels), chosen)

    def pieces(
        self, labels: str | None = None, choice: Choice | None = None
    ) -> Iterator[LoadedStructures]:
        """Yield what `load` returns in parts, with bounded memory; raises like `load`."""
        name = self.labels_name(labels)
        for part in self._cut(self.choose(name, choice or Choice())):
            yield self.take(name, part)

    def blocks(self) -> Iterator[Block]:
        """Yield the whole dataset in blocks, including all label sets, with bounded memory."""
        for chosen in self._cut(np.arange(self.n_structures)):
            structures = self.take("", chosen)
            labels = {name: self._labels(name, chosen) for name in self.label_sets}
            yield Block(structures, labels, structures.structure_extras, structures.atom_extras)

    def choose(
        self, labels: str | None, choice: Choice, *, labelled_only: bool = False
    ) -> IntArray:
        """Return the indices of structures, ascending; the arguments are as in `load`."""
        recorded = recorded_choice(self.path.parent)
        within = select(self, recorded) if recorded else None
        name = self.labels_name(labels)
        energies = self._read_once(label_array(name, "energies")) if labelled_only else None
        return select(self, choice, within, energies)

    def _cut(self, chosen: IntArray) -> list[IntArray]:
        """Split structures into parts with about the same number of atoms."""
        atoms = np.cumsum(np.diff(self.pointers)[chosen])
        cuts = np.searchsorted(atoms, np.arange(_BLOCK_ATOMS, atoms[-1], _BLOCK_ATOMS))
        return [part for part in np.split(chosen, cuts) if len(part)]

    def take(self, labels: str, chosen: IntArray, *, lean: bool = False) -> LoadedStructures:
        """Load the structures at some indices, with the named label set; none if empty.

        With `lean`, data not used in training are left out: extras, and results of the
        calculations other than energies, forces and stresses.
        """
        columns = LEAN & self.structure_extras.keys() if lean else self.structure_extras
        extras = {name: self.column(name)[chosen] for name in columns}
        n_structures = len(chosen)
        empty = np.full(n_structures, "", np.str_)
        pointers = np.zeros(n_structures + 1, np.int64)
        np.cumsum(np.diff(self.pointers)[chosen], out=pointers[1:])
        if labels:
            own = self._labels(labels, chosen, lean=lean)
        else:
            own = Labels.absent(n_structures, int(pointers[-1]))
        by_atom = {
            name: self._atoms(path, chosen)
            for name, path in self._extras[ATOM_EXTRAS].items()
            if not lean or name in LEAN
        }
        positions = self._atoms("structures/positions", chosen)
        cells = self._read_once("structures/cells")[chosen]
        pbc = self._read_once("structures/pbc")[chosen]
        constrained = by_atom.get(CONSTRAINED, np.zeros(int(pointers[-1])))
        return LoadedStructures(
            numbers=self._atoms("structures/numbers", chosen, np.int64),
            positions=positions,
            cells=cells,
            pbc=pbc,
            pointers=pointers,
            energies=own.energies,
            forces=own.forces,
            sources=(self.name,),
            source_index=np.zeros(n_structures, np.int32),
            frame_index=chosen,
            config_types=extras.pop(CONFIG_TYPE, empty),
            split_labels=extras.pop(SPLIT, empty),
            constrained=(constrained == 1).reshape(int(pointers[-1]), -1).any(axis=1),
            stresses=of_bulk(_stresses(own, cells), positions, cells, pbc, pointers),
            properties={} if lean else own.properties,
            structure_extras=extras,
            atom_extras={} if lean else by_atom,
        )

    def _labels(self, name: str, chosen: IntArray, *, lean: bool = False) -> Labels:
        def rows(kind: str, *, per_atom: bool) -> npt.NDArray[Any]:
            path = label_array(name, kind)
            return self._atoms(path, chosen) if per_atom else self._read_once(path)[chosen]

        return Labels(
            rows("energies", per_atom=False),
            rows("forces", per_atom=True),
            {
                each: rows(property_path(each), per_atom=PROPERTIES[each].per_atom)
                for each in self.properties_of(name)
                if not lean or each in LEAN
            },
        )

    def _read_once(self, name: str) -> npt.NDArray[Any]:
        """Read and cache a per-structure array: it is small and needed for every part."""
        if name not in self._kept:
            self._kept[name] = self.read(name)
        return self._kept[name]

    def _atoms(
        self, name: str, chosen: IntArray, dtype: npt.DTypeLike = np.float64
    ) -> npt.NDArray[Any]:
        return gather_atoms(self._node(name), self.path, self.pointers, chosen, np.dtype(dtype))

    @cached_property
    def _extras(self) -> dict[str, dict[str, str]]:
        """The paths of extras, by group and by name."""
        # An older release may have stored a stress among them, of unknown label set.
        found = {}
        for group in (STRUCTURE_EXTRAS, ATOM_EXTRAS):
            read_group(self.path, group)
            with storage_errors(self.path / group):
                stored = [child.name for child in (self.path / group).iterdir() if child.is_dir()]
            names = unreserved_names(stored, per_atom=group == ATOM_EXTRAS)
            found[group] = {name: f"{group}/{each}" for name, each in names.items()}
        return found

    def _facts(self, path: str, read: Callable[[dict[str, Any]], Facts]) -> Facts:
        with damage(f"{path} of {self.path}", IntegrityError, REPAIR):
            return read(read_group(self.path, path))

    def _node(self, path: str) -> Any:
        """Return an array whose rows are structures or atoms."""
        try:
            array: Any = self.group[path]
            if array.shape[0] not in (self.n_structures, self.n_structures + 1, self.n_atoms):
                raise ValueError(f"it has {array.shape[0]} rows")  # noqa: TRY301 - as the others
            shapes = row_shapes(path)
            if shapes is not None and array.shape[1:] not in shapes:
                raise ValueError(f"its shape is {array.shape}")  # noqa: TRY301 - as the others
        except Exception as problem:  # zarr and json raise whatever they run into
            raise IntegrityError(
                f"{path} is missing from {self.path}, or its metadata are corrupted", REPAIR
            ) from problem
        return array


def _stresses(labels: Labels, cells: FloatArray) -> FloatArray:
    """Return (S, 3, 3) stresses in eV/Å^3, computed from the virials if absent."""
    tensors = np.full((len(labels.energies), 3, 3), np.nan)
    if "stress" in labels.properties:
        tensors = from_voigt(labels.properties["stress"])
    if "virial" in labels.properties:
        of_virials = stress_of_virial(labels.properties["virial"], cells)
        tensors = np.where(np.isnan(tensors), of_virials, tensors)
    return tensors
