"""Write the probe predictions of the published checkpoints: ``python cards/probes.py CHECKOUT``.

CHECKOUT holds the published files by their paths in the upstream repository. The predictions are
made by the converted models, whose conversion the tests compare with NequIP 0.5.6 itself. They are
stored here so that the same version, digest included, results wherever a checkpoint is imported,
and so that an import which computes something else is noticed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.importers.nnp_pre_training import config_of, convert, read_state
from hub.potentials.probe import predict_probe, probe_structures, write_probe
from registry.cards import builtin_cards


def main() -> None:
    """Write one file for each card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    checkout = parser.parse_args().checkout
    for card in builtin_cards().values():
        if card.kind != "model":
            continue
        config = config_of(card)
        model = convert(read_state(checkout / card.source.path), config)
        probe = predict_probe(model, probe_structures(config.type_names))
        path = card.path.parent / "probes" / f"{card.name}.json"
        path.parent.mkdir(exist_ok=True)
        write_probe(path, probe)
        print(path)


if __name__ == "__main__":
    main()
