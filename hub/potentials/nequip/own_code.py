"""Predict with the code of a NequIP package, in a separate process.

``python -m hub.potentials.nequip.own_code PACKAGE DIRECTORY FILE`` loads the package, which
executes it, predicts the probe structures of the model directory and writes a probe file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nequip.model.saved_models.load_utils import load_saved_model

from hub.potentials.architectures import read_config
from hub.potentials.nequip.potential import NequIPPotential
from hub.potentials.probe import FILE_NAME, predict_probe, read_probe, write_probe


def main(package: Path, directory: Path, file: Path) -> None:
    """Write the predictions of a package for the probe structures of a model directory."""
    network = load_saved_model(package)
    for module in network.modules():
        if hasattr(module, "do_derivatives"):
            module.do_derivatives = True  # packages may be built to predict only energies
    config: Any = read_config(directory)
    potential = NequIPPotential(config, network.eval())
    write_probe(file, predict_probe(potential, read_probe(directory / FILE_NAME).structures))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
