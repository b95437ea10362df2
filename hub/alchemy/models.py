"""A model transferred to other elements, exactly and without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from hub.alchemy.transmutation import transmute_structures
from hub.errors import ModelError
from hub.potentials.batches import collate
from hub.potentials.probe import TOLERANCES, probe_structures
from hub.structures.graphs import build_graph
from hub.structures.structure_set import StructureSet

if TYPE_CHECKING:
    from hub.alchemy.transmutation import Transmutation
    from hub.potentials.potential import Potential

_STRESS_TOLERANCES = {torch.float64: 1e-7, torch.float32: 1e-4}  # eV/Å^3


def transmute_model(potential: Potential, transmutation: Transmutation) -> Potential:
    """Transfer a potential to other elements, and check that its predictions are scaled exactly.

    A type may become several elements, which are equivalent until they are trained; types without
    a new element are dropped.

    Parameters
    ----------
    potential
        A potential of any precision on any device; it is not changed.
    transmutation
        From the potential's elements to others.

    Returns
    -------
    The new potential, of the same precision, on the same device and in evaluation mode.

    Raises
    ------
    AlchemyError
        If a new element would replace several types, or potentials of this architecture cannot be
        scaled.
    ModelError
        If energies, forces or stresses on the probe structures differ by more than rounding.
    """
    made_of, config = transmutation.old_of_new, potential.config
    changed = config.with_changes(
        type_names=tuple(made_of),
        r_max=config.r_max * transmutation.scale,
        energy_reference=f"{config.energy_reference}, times {transmutation.energy_scale:g}",
    )
    sources = [config.type_names.index(old) for old in made_of.values()]
    made = potential.transmuted(changed, sources, transmutation.scale, transmutation.energy_scale)
    _verify(potential, made, transmutation)
    return made


def _verify(old: Potential, new: Potential, transmutation: Transmutation) -> None:
    """Compare both on the new one's probe structures and their counterparts for the old one."""
    probes = StructureSet.from_atoms(probe_structures(new.elements))
    images = transmute_structures(probes, transmutation.inverse())
    scales = (transmutation.energy_scale, transmutation.force_scale, transmutation.stress_scale)
    allowed = (*TOLERANCES[old.dtype], _STRESS_TOLERANCES[old.dtype])
    for index in range(len(probes)):
        expected = _predict(old, images, index)
        found = _predict(new, probes, index)
        pairs = zip(found, expected, scales, strict=True)
        off = [float(np.abs(one - scale * other).max()) for one, other, scale in pairs]
        bounds = [bound * max(1.0, scale) for bound, scale in zip(allowed, scales, strict=True)]
        # Written so that a NaN fails.
        if not all(one <= bound for one, bound in zip(off, bounds, strict=True)):
            raise ModelError(
                f"the transmuted model does not match the scaled original: errors of "
                f"{off[0]:.1e} eV/atom, {off[1]:.1e} eV/Å, {off[2]:.1e} eV/Å^3",
                "These package versions evaluate its architecture differently: install those named "
                "in its card.",
            )


def _predict(potential: Potential, structures: StructureSet, index: int) -> list[np.ndarray]:
    """Return energy per atom (eV), forces (eV/Å) and stress (eV/Å^3; zero without a cell)."""
    atoms = structures.to_atoms(index)
    graph = build_graph(atoms, potential.elements, potential.cutoff)
    output = potential(collate([graph.to(potential.device)]))
    stress = output.stresses.detach().cpu().numpy()
    return [
        output.energies.detach().cpu().numpy() / len(atoms),
        output.forces.detach().cpu().numpy(),
        stress if atoms.cell.rank == 3 else np.zeros(1),
    ]
