"""Model directories: ``weights.safetensors``, ``config.json`` and ``probe.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from hub.errors import ModelError
from hub.potentials import config as config_file
from hub.potentials import probe as probe_file
from hub.potentials.architectures import read_config
from hub.potentials.building import build_accelerated, build_potential
from hub.potentials.probe import (
    Probe,
    predict_probe,
    probe_structures,
    read_probe,
    verify_probe,
    write_probe,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hub.potentials.potential import Potential

WEIGHTS_NAME = "weights.safetensors"
FILES = (WEIGHTS_NAME, config_file.FILE_NAME, probe_file.FILE_NAME)


def write_model(directory: Path, potential: Potential, probe: Probe | None = None) -> None:
    """Write a model directory, and verify that it loads to the same function.

    Parameters
    ----------
    directory
        An existing directory; files of the same names are replaced.
    potential
        The potential, in any precision and on any device; the weights are stored unchanged.
    probe
        Known predictions that the written model must reproduce. By default they are computed
        here, in float64 on the CPU.

    Raises
    ------
    ModelError
        If the written files do not reproduce the predictions.
    """
    (directory / WEIGHTS_NAME).write_bytes(save(potential.weights()))
    config = potential.config.to_json()
    (directory / config_file.FILE_NAME).write_text(config, encoding="utf-8")
    reference = _read_unverified(directory, torch.float64, "cpu")
    if probe is None:
        probe = predict_probe(reference, probe_structures(reference.elements))
    verify_probe(reference, probe, str(directory))
    write_probe(directory / probe_file.FILE_NAME, probe)


def read_model(
    directory: Path,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    accelerated: bool = True,
) -> Potential:
    """Load a model directory, and verify that it reproduces its stored predictions.

    Parameters
    ----------
    directory
        A directory with the three files that :func:`write_model` writes.
    dtype, device
        The precision of the network, and the device on which to compute.
    accelerated
        Whether to replace parts by faster ones; must be False for an export.

    Returns
    -------
    The potential in evaluation mode on `device`.

    Raises
    ------
    ModelError
        If files are missing or corrupted, or stored predictions are not reproduced.
    IncompatibleModelError
        If the architecture is unknown, a newer release wrote the files, or packages that the
        architecture requires are not installed.
    """
    probe = read_probe(directory / probe_file.FILE_NAME)
    if dtype != torch.float64:
        # A slightly wrong weight is not detectable in lower precision.
        verify_probe(_read_unverified(directory, torch.float64, "cpu"), probe, str(directory))
    potential = _read_unverified(directory, dtype, device, accelerated=accelerated)
    potential.eval()
    verify_probe(potential, probe, str(directory))
    return potential


def _read_unverified(
    directory: Path, dtype: torch.dtype, device: torch.device | str, *, accelerated: bool = True
) -> Potential:
    config = read_config(directory)
    path = directory / WEIGHTS_NAME
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path} is missing", hint="Pull or train the model again.") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is corrupted: {error}", hint="Pull it again.") from error
    if accelerated:
        potential = build_accelerated(config, dtype=dtype, device=device)
    else:
        potential = build_potential(config, dtype=dtype).to(device)
    potential.set_weights(weights, str(path))
    return potential
