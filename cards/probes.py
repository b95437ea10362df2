"""Write the probe predictions of published models: ``python cards/probes.py NAME ...``.

They are stored here so that the same version, digest included, results wherever a model is
imported, and so that an import which computes something else is noticed. Those of the checkpoints
of nnp-pre-training come from the converted models, whose conversion the tests compare with NequIP
0.5.6 itself; ``--checkout`` names a folder with the published files by their paths in the upstream
repository. Those of SevenNet come from sevenn's own model of the file in the installed package.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase.data import chemical_symbols
from ase.neighborlist import neighbor_list

from hub.potentials.probe import Probe, predict_probe, probe_structures, write_probe
from registry.cards import builtin_cards

if TYPE_CHECKING:
    from ase import Atoms

    from registry.cards import Card


def main() -> None:
    """Write one file for each name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--checkout", type=Path, default=Path())
    arguments = parser.parse_args()
    for name in arguments.names:
        card = builtin_cards()[name]
        if card.importer == "sevennet-wheel":
            probe = probe_of_sevennet(card)
        else:
            probe = probe_of_checkpoint(card, arguments.checkout)
        path = card.path.parent / "probes" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        write_probe(path, probe)
        print(path)


def probe_of_checkpoint(card: Card, checkout: Path) -> Probe:
    """Return the predictions of a converted checkpoint of nnp-pre-training."""
    from hub.importers.nnp_pre_training import config_of, convert, read_state

    potential = convert(read_state(checkout / card.source.path), config_of(card))
    return predict_probe(potential, probe_structures(potential.elements))


def probe_of_sevennet(card: Card) -> Probe:
    """Return the predictions of sevenn's own model, in float64, structure by structure."""
    model = original_sevennet(card.source.find(card.name))
    types = model.type_map
    names = [chemical_symbols[number] for number in sorted(types, key=types.get)]
    structures = probe_structures(names)
    predictions = [predict_originally(model, atoms) for atoms in structures]
    energies, forces = zip(*predictions, strict=True)
    return Probe(structures, energies, forces)


def original_sevennet(path: Path) -> Any:
    """Return the model that sevenn makes of a checkpoint, in float64."""
    from e3nn.o3 import wigner_3j
    from sevenn.checkpoint import SevenNetCheckpoint

    model = SevenNetCheckpoint(str(path)).build_model()
    model.set_is_batch_data(False)
    model.double().eval()
    for name, buffer in model.named_buffers():
        if found := re.search(r"_w3j_(\d+)_(\d+)_(\d+)$", name):
            # Built in float32; the digits that this left out are added.
            buffer.copy_(wigner_3j(*map(int, found.groups()), dtype=torch.float64))

    def in_float64(_module: Any, _inputs: Any, data: dict[str, Any]) -> dict[str, Any]:
        return data | {name: data[name].double() for name in ("x", "node_attr")}

    model.onehot_idx_to_onehot.register_forward_hook(in_float64)
    return model


def predict_originally(model: Any, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Return the energy (eV) and the forces (eV/Å) that sevenn's own model predicts."""
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
        }
    )
    forces = found["inferred_force"].detach().numpy()
    return float(found["inferred_total_energy"].detach()), forces


if __name__ == "__main__":
    main()
