"""A model as an ASE calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from hub.errors import DataError
from hub.potentials.batches import single_batch
from hub.potentials.committee.potential import Committee
from hub.potentials.loading import load_model, with_gradients
from hub.structures.graphs import atom_types
from hub.structures.verlet_list import VerletList

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from ase import Atoms

    from hub.potentials.potential import Potential
    from hub.structures.arrays import FloatArray


_SPREADS = "energy_spread", "forces_spread"


class ModelCalculator(Calculator):
    """Energies (eV), forces (eV/Å) and stresses (eV/Å^3) of ASE structures from a model.

    The stress is available only if there is a volume, i.e. a cell of three vectors with at least
    one periodic direction. For a slab the volume includes the vacuum.

    Of a committee, the results are means over its members. The standard deviations are the
    properties ``energy_spread`` (eV) and ``forces_spread`` ((n, 3), eV/Å), which
    ``calculator.get_property("forces_spread", atoms)`` returns.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012

    def __init__(self, potential: Potential, **settings: Any) -> None:
        super().__init__(**settings)
        if isinstance(potential, Committee):
            self.implemented_properties = [*self.implemented_properties, *_SPREADS]
        self.potential = potential
        self.neighbours = VerletList()

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:  # noqa: ARG002
        """Return what has changed since the last calculation, of what the energies depend on.

        Any difference counts. ASE's own comparison takes longer than all else that is done here.
        """
        if self.atoms is None:
            return list(all_changes)
        return [
            name
            for name in ("positions", "numbers", "cell", "pbc")
            if not np.array_equal(getattr(self.atoms, name), getattr(atoms, name))
        ]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute everything at once, as ASE's calculators do.

        Raises
        ------
        IncompatibleModelError
            If a structure contains an element that the model does not support.
        DataError
            If a structure has no atoms, or invalid coordinates or an invalid cell.
        """
        super().calculate(atoms, properties, system_changes)
        copied = cast("Atoms", self.atoms)
        potential = self.potential
        if not len(copied):
            raise DataError("the structure has no atoms", "Check that it is not empty by mistake.")
        with with_gradients():
            types = atom_types(copied, potential.elements)
            neighbours, half = self.neighbours.of(copied, potential.cutoff)
            batch = single_batch(copied, types, neighbours, potential.device, half)
            output = potential(batch)
        energy = output.energies.item()
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": _numbers(output.atomic_energies),
            "forces": _numbers(output.forces),
        }
        if output.energy_spread is not None and output.force_spread is not None:
            self.results["energy_spread"] = output.energy_spread.item()
            self.results["forces_spread"] = _numbers(output.force_spread)
        if copied.pbc.any() and copied.cell.rank == 3:
            self.results["stress"] = full_3x3_to_voigt_6_stress(_numbers(output.stresses[0]))


def _numbers(values: torch.Tensor) -> FloatArray:
    numbers: FloatArray = values.detach().cpu().double().numpy()
    return numbers


def calculator(
    place: str | Path, device: str = "auto", dtype: str = "float64", **settings: Any
) -> ModelCalculator:
    """Load a model as an ASE calculator.

    Parameters
    ----------
    place
        A reference (``c-ace-pretrained``, ``name@1.2.0``), a run folder or a model directory.
    device
        ``cpu``, ``cuda``, or ``auto`` for a GPU if available.
    dtype
        ``float64``, or ``float32`` for speed.
    **settings
        For ASE's ``Calculator``, such as ``label``.

    Raises
    ------
    NotFoundError, OfflineError, IntegrityError
        As in pulling.
    ModelError
        If files are corrupted or stored predictions are not reproduced.
    IncompatibleModelError
        If the device is not available, or a newer release wrote the model.
    """
    return ModelCalculator(load_model(place, device=device, dtype=dtype), **settings)
