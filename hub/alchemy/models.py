"""A model carried to other elements, exactly and without training."""

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
    """Carry a potential to other elements, and check that it predicts what it must.

    A type may become several elements, which then behave alike until they are trained; types that
    become nothing are left out.

    Parameters
    ----------
    potential
        Of any precision and on any device; it is not changed.
    transmutation
        From the potential's elements to others.

    Returns
    -------
    The new potential, of the same precision, on the same device and in evaluation mode.

    Raises
    ------
    AlchemyError
        If a new element is to be made of several types, or potentials of this architecture cannot
        be scaled.
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
    """Compare both on the new one's probe structures and their images in the old one."""
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
                f"the transmuted model is not the old one scaled: off by {off[0]:.1e} eV/atom, "
                f"{off[1]:.1e} eV/Å, {off[2]:.1e} eV/Å^3",
                "Its architecture is computed in another way by these package versions: install "
                "those that its card names.",
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
