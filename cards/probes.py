"""Write the probe predictions of published models: ``python cards/probes.py NAME ...``.

They are stored here so that the same version, digest included, results wherever a model is
imported, and so that an import which computes something else is noticed. Those of the checkpoints
of nnp-pre-training come from the converted models, whose conversion the tests compare with NequIP
0.5.6 itself; ``--checkout`` names a folder with the published files by their paths in the upstream
repository. Those of foundation models come from the original program: see `originals.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from originals import ORIGINALS

from hub.potentials.probe import Probe, predict_probe, probe_structures, write_probe
from registry.cards import builtin_cards
from registry.installed import InstalledFile

if TYPE_CHECKING:
    from registry.cards import Card


def main() -> None:
    """Write one file for each name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--checkout", type=Path, default=Path())
    arguments = parser.parse_args()
    for name in arguments.names:
        card = builtin_cards()[name]
        if card.importer in ORIGINALS:
            probe = probe_of_original(card, arguments.checkout)
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


def probe_of_original(card: Card, checkout: Path) -> Probe:
    """Return the predictions of the original program, in float64, structure by structure."""
    source = card.source
    found = isinstance(source, InstalledFile)
    path = source.find(card.name) if found else checkout / source.path
    predict = ORIGINALS[card.importer](path, card.front_matter["model"])
    structures = probe_structures(card.front_matter["model"]["elements"])
    energies, forces = zip(*map(predict, structures), strict=True)
    return Probe(structures, energies, forces)


if __name__ == "__main__":
    main()
