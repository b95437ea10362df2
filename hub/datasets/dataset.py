"""Open a dataset, inspect it, and load parts of it into memory."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.datasets.blocks import Block, Labels
from hub.datasets.columns import decode
from hub.datasets.layout import (
    ATOM_EXTRAS,
    CONFIG_TYPE,
    CONSTRAINED,
    SPLIT,
    STRUCTURE_EXTRAS,
    label_array,
    property_path,
)
from hub.datasets.loaded import LoadedStructures
from hub.datasets.names import PROPERTIES
from hub.datasets.selection import Choice, recorded_choice, select
from hub.datasets.storage import Storage
from hub.errors import DataError
from hub.structures.stresses import from_voigt, of_bulk, stress_of_virial

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from hub.structures.arrays import FloatArray, IntArray

_BLOCK_ATOMS = 262_144
LEAN = {CONFIG_TYPE, SPLIT, CONSTRAINED, "stress", "virial"}  # further data used in training


class Dataset(Storage):
    """A dataset in a directory; see `hub.datasets.storage.Storage`."""

    @cached_property
    def ids(self) -> npt.NDArray[np.uint8]:
        """(S, 16) content hashes of the structures."""
        return self.read("structures/ids")

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
        stored = self.read_once(self.extra_paths[STRUCTURE_EXTRAS][name])
        return decode(stored, self.structure_extras[name])

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
        energies = self.read_once(label_array(name, "energies")) if labelled_only else None
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
            name: self.read_atoms(path, chosen)
            for name, path in self.extra_paths[ATOM_EXTRAS].items()
            if not lean or name in LEAN
        }
        positions = self.read_atoms("structures/positions", chosen)
        cells = self.read_once("structures/cells")[chosen]
        pbc = self.read_once("structures/pbc")[chosen]
        constrained = by_atom.get(CONSTRAINED, np.zeros(int(pointers[-1])))
        return LoadedStructures(
            numbers=self.read_atoms("structures/numbers", chosen, np.int64),
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
            return self.read_atoms(path, chosen) if per_atom else self.read_once(path)[chosen]

        return Labels(
            rows("energies", per_atom=False),
            rows("forces", per_atom=True),
            {
                each: rows(property_path(each), per_atom=PROPERTIES[each].per_atom)
                for each in self.properties_of(name)
                if not lean or each in LEAN
            },
        )


def _stresses(labels: Labels, cells: FloatArray) -> FloatArray:
    """Return (S, 3, 3) stresses in eV/Å^3, computed from the virials if absent."""
    tensors = np.full((len(labels.energies), 3, 3), np.nan)
    if "stress" in labels.properties:
        tensors = from_voigt(labels.properties["stress"])
    if "virial" in labels.properties:
        of_virials = stress_of_virial(labels.properties["virial"], cells)
        tensors = np.where(np.isnan(tensors), of_virials, tensors)
    return tensors
