"""What the checks work on: a structure set, and quantities that several of them need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hub.structures.checks.absurd import check_absurd_energies
from hub.structures.checks.energies import check_mixed_references, residual_energies
from hub.structures.checks.geometry import check_cells, survey_neighbours
from hub.structures.checks.labels import complete_labels
from hub.structures.checks.signs import check_opposite_forces
from hub.structures.checks.sizes import check_energies_per_atom
from hub.structures.checks.work import work_along_frames, work_between_neighbours
from hub.structures.reference_energies import isolated_atoms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hub.structures.arrays import BoolArray, FloatArray
    from hub.structures.checks.findings import Finding
    from hub.structures.checks.geometry import Neighbourhoods
    from hub.structures.checks.work import Work
    from hub.structures.neighbours import NeighbourLists
    from hub.structures.structure_set import StructureSet


@dataclass
class Evidence:
    """S structures, and quantities computed once, when a check first needs them.

    Attributes
    ----------
    lists
        The neighbour lists of the structures, with the cutoff of the model.
    model_elements
        The elements that the model covers; None if any will do.
    progress
        Called with the number of structures whose neighbours are done, and their total.
    """

    lists: NeighbourLists
    model_elements: Collection[str] | None = None
    progress: Callable[[int, int | None], None] | None = None

    @property
    def structures(self) -> StructureSet:
        """The structures to check; read-only."""
        return self.lists.structures

    @property
    def cutoff(self) -> float:
        """Cutoff of the model, in Å."""
        return self.lists.cutoff

    @property
    def usable(self) -> BoolArray:
        """(S,) structures for which a neighbour list can be built."""
        return self._cells[1]

    @cached_property
    def neighbours(self) -> Neighbourhoods:
        """Distances and bonds of the usable structures."""
        return survey_neighbours(self.lists, self.usable, self.progress)

    @cached_property
    def residuals(self) -> FloatArray:
        """(S,) energies per atom in eV after a robust fit of one energy per element."""
        return residual_energies(self.structures)

    @cached_property
    def in_other_reference(self) -> BoolArray:
        """(S,) structures whose energies have a different reference zero than most."""
        found = np.zeros(len(self.structures), np.bool_)
        found[[index for finding in self.mixed_references for index in finding.structures]] = True
        return found

    @cached_property
    def sound(self) -> BoolArray:
        """(S,) usable structures with complete labels and the same reference zero.

        Units and signs can be checked only for these.
        """
        return self.usable & complete_labels(self.structures) & ~self.in_other_reference

    @cached_property
    def along(self) -> Work:
        """Energy differences implied by the forces between frames of a trajectory."""
        return work_along_frames(self.structures, self.sound)

    @cached_property
    def between(self) -> Work:
        """The same between any similar structures."""
        return work_between_neighbours(self.structures, self.sound)

    # Other checks depend on what these find.

    @property
    def bad_cells(self) -> list[Finding]:
        """Positions and cells for which no neighbour list can be built."""
        return self._cells[0]

    @cached_property
    def mixed_references(self) -> list[Finding]:
        """Energies with different reference zeros."""
        return check_mixed_references(self.residuals, self.neighbours.coordination)

    @cached_property
    def opposite_forces(self) -> list[Finding]:
        """Forces of the opposite sign."""
        return check_opposite_forces(self.along, self.between)

    @cached_property
    def absurd_energies(self) -> list[Finding]:
        """Energies that are physically impossible."""
        return check_absurd_energies(self.structures)

    @cached_property
    def energies_per_atom(self) -> list[Finding]:
        """Energies that are not total energies."""
        isolated = isolated_atoms(self.structures)
        return check_energies_per_atom(self.structures, isolated, (self.along, self.between))

    @cached_property
    def _cells(self) -> tuple[list[Finding], BoolArray]:
        return check_cells(self.structures)
