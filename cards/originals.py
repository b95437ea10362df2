"""Foundation models as their own programs compute them, in float64, for comparison.

Each function takes the file and the ``model`` section of the card, and returns a function from a
structure to its energy (eV) and forces (eV/Å).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase.neighborlist import neighbor_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ase import Atoms

    Predict = Callable[[Atoms], tuple[float, np.ndarray]]

# Wider than any cutoff: no atom reaches the images of others.
_BOX = 40.0


def original_sevennet(path: Path, about: Mapping[str, Any]) -> Predict:
    """Return the predictions of the model that sevenn makes of a checkpoint."""
    from e3nn.o3 import wigner_3j
    from sevenn.checkpoint import SevenNetCheckpoint

    checkpoint = SevenNetCheckpoint(str(path))
    model = checkpoint.build_model()
    model.set_is_batch_data(False)
    model.double().eval()
    for name, buffer in model.named_buffers():
        if found := re.search(r"_w3j_(\d+)_(\d+)_(\d+)$", name):
            # Built in float32; the digits that this left out are added.
            buffer.copy_(wigner_3j(*map(int, found.groups()), dtype=torch.float64))

    def in_float64(_module: Any, _inputs: Any, data: dict[str, Any]) -> dict[str, Any]:
        return data | {name: data[name].double() for name in ("x", "node_attr")}

    model.onehot_idx_to_onehot.register_forward_hook(in_float64)
    modal = {}
    if "modal" in about:
        model.eval_modal_map = False
        modal = {"modal_type": torch.tensor(checkpoint.config["_modal_map"][about["modal"]])}

    def predict(atoms: Atoms) -> tuple[float, np.ndarray]:
        centres, neighbours, vectors = neighbor_list("ijD", atoms, model.cutoff)
        numbers = torch.tensor(atoms.numbers, dtype=torch.int64)
        found = model(
            {
                "x": numbers,
                "atomic_numbers": numbers,
                "edge_index": torch.from_numpy(np.stack([centres, neighbours]).astype(np.int64)),
                "edge_vec": torch.tensor(vectors.reshape(-1, 3), dtype=torch.float64),
                "num_atoms": torch.tensor(len(atoms)),
                "cell_volume": torch.tensor(abs(atoms.cell.volume), dtype=torch.float64),
                **modal,
            }
        )
        forces = found["inferred_force"].detach().numpy()
        return float(found["inferred_total_energy"].detach()), forces

    return predict


def original_chgnet(path: Path, about: Mapping[str, Any]) -> Predict:  # noqa: ARG001
    """Return the predictions of chgnet's own model and graphs."""
    import chgnet.graph.converter
    import chgnet.graph.crystalgraph
    import chgnet.model.model
    from chgnet.model import CHGNet
    from pymatgen.io.ase import AseAtomsAdaptor

    for module in (chgnet.graph.converter, chgnet.graph.crystalgraph, chgnet.model.model):
        module.TORCH_DTYPE = torch.float64
    content = torch.load(path, weights_only=True, map_location="cpu")
    model = CHGNet.from_dict(content["model"]).double()
    model.graph_converter.set_isolated_atom_response("ignore")
    # It averages over atoms in float32.
    references = model.composition_model.fc.weight[0].detach().numpy()
    model.composition_model = None

    def predict(atoms: Atoms) -> tuple[float, np.ndarray]:
        structure = AseAtomsAdaptor.get_structure(_in_a_cell(atoms))
        found = model.predict_structure(structure, task="ef")
        energy = float(found["e"]) * len(atoms) + references[atoms.numbers - 1].sum()
        return float(energy), found["f"]

    return predict


def original_tensornet(path: Path, about: Mapping[str, Any]) -> Predict:
    """Return the predictions of matgl's potential; ``model.json`` is beside its weights."""
    import matgl
    from matgl.ext.ase import Atoms2Graph

    potential = matgl.load_model(path.parent).double().eval()
    if tuple(potential.model.element_types) != tuple(about["elements"]):
        raise ValueError("the elements of the card are not those of the model")
    converter = Atoms2Graph(potential.model.element_types, potential.model.cutoff)
    # The conversion of graphs takes its precision from here.
    matgl.float_th, matgl.float_np = torch.float64, np.float64

    def predict(atoms: Atoms) -> tuple[float, np.ndarray]:
        inside = _in_a_cell(atoms)
        graph, lattice, _ = converter.get_graph(inside)
        energy, forces, *_ = potential(graph, lattice)
        return float(energy.detach()), forces.detach().numpy()

    return predict


def _in_a_cell(atoms: Atoms) -> Atoms:
    """Return a molecule in the middle of a large periodic cell; a crystal as it is."""
    inside: Atoms = atoms.copy()
    if not inside.pbc.any():
        inside.set_cell([_BOX] * 3)
        inside.center()
        inside.pbc = True
    return inside


ORIGINALS = {
    "sevennet-wheel": original_sevennet,
    "chgnet-wheel": original_chgnet,
    "matgl-state": original_tensornet,
}
