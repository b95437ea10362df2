"""Model directories: ``weights.safetensors``, ``config.json`` and ``probe.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from hub.errors import ModelError
from hub.models import config as config_file
from hub.models import probe as probe_file
from hub.models.architecture import build_model
from hub.models.config import ModelConfig, read_config
from hub.models.probe import (
    Probe,
    predict_probe,
    probe_structures,
    read_probe,
    verify_probe,
    write_probe,
)
from hub.models.tensor_product import accelerate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WEIGHTS_NAME = "weights.safetensors"
FILES = (WEIGHTS_NAME, config_file.FILE_NAME, probe_file.FILE_NAME)
ENERGY_SCALE_SHIFT = "per_type_energy_scale_shift"


def network(model: torch.nn.Module) -> torch.nn.Module:
    """Return the energy network inside NequIP's wrappers; its names are those in the files."""
    inner: torch.nn.Module = model.get_submodule("model.func")
    return inner


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return what training or fitting determines: parameters, energy scales and shifts."""
    inner = network(model)
    tensors = {name: value.detach() for name, value in inner.named_parameters()}
    for name in ("scales", "shifts"):
        tensors[f"{ENERGY_SCALE_SHIFT}.{name}"] = getattr(_scale_shift(model), name)
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def set_weights(model: torch.nn.Module, tensors: dict[str, torch.Tensor], source: str) -> None:
    """Copy weights into a model, all of them and no other.

    Raises
    ------
    ModelError
        If names or shapes differ from what the architecture needs, or a number is not finite.
    """
    require_finite(tensors, source)
    expected = weights_of(model)
    missing, unknown = set(expected) - set(tensors), set(tensors) - set(expected)
    if missing or unknown:
        raise ModelError(
            f"{source} does not fit its {config_file.FILE_NAME}: "
            f"{len(missing)} tensors missing, {len(unknown)} unknown "
            f"({', '.join(sorted(missing | unknown)[:3])})"
        )
    inner = network(model)
    with torch.no_grad():
        for name, value in tensors.items():
            owner, _, attribute = name.rpartition(".")
            target = getattr(inner.get_submodule(owner), attribute)
            if target.shape != value.shape:
                raise ModelError(
                    f"{source}: {name} has shape {tuple(value.shape)}, the architecture needs "
                    f"{tuple(target.shape)}"
                )
            target.copy_(value)


def set_energy_shifts(
    model: torch.nn.Module, shifts: dict[str, float], config: ModelConfig
) -> None:
    """Set the energy (eV) that each type adds per atom."""
    values = torch.tensor([[shifts[name]] for name in config.type_names], dtype=torch.float64)
    with torch.no_grad():
        _scale_shift(model).shifts.copy_(values)


def set_energy_scales(model: torch.nn.Module, scale: float) -> None:
    """Set the factor on the atomic energies of every type, before their shifts."""
    with torch.no_grad():
        _scale_shift(model).scales.fill_(scale)


def require_finite(tensors: Mapping[str, torch.Tensor], source: str) -> None:
    """Raise `ModelError` if a tensor holds a number that is not finite."""
    for name, value in tensors.items():
        if not value.double().isfinite().all():  # not all types know
            raise ModelError(
                f"{source} holds numbers that are not finite: {name}",
                "It is damaged, or comes from a training that diverged: pull or train it again.",
            )


def energy_shifts(model: torch.nn.Module, config: ModelConfig) -> dict[str, float]:
    """Return the energy (eV) that each type adds per atom."""
    values = _scale_shift(model).shifts.flatten().tolist()
    return dict(zip(config.type_names, values, strict=True))


def _scale_shift(model: torch.nn.Module) -> Any:
    return network(model).get_submodule(ENERGY_SCALE_SHIFT)


def write_model(
    directory: Path, model: torch.nn.Module, config: ModelConfig, probe: Probe | None = None
) -> None:
    """Write a model directory and prove that it loads to the same function.

    Parameters
    ----------
    directory
        An existing directory of the caller's; files of the same names are replaced.
    model
        Any precision and device; the weights are stored as they are.
    config
        Its configuration.
    probe
        Known predictions that the written model must reproduce. By default they are computed
        here, in float64 on the CPU.

    Raises
    ------
    ModelError
        If the written files do not reproduce the predictions.
    """
    (directory / WEIGHTS_NAME).write_bytes(save(weights_of(model)))
    (directory / config_file.FILE_NAME).write_text(config.to_json(), encoding="utf-8")
    reference, _ = _read_unverified(directory, torch.float64)
    if probe is None:
        probe = predict_probe(reference, config, probe_structures(config.type_names))
    verify_probe(reference, config, probe, str(directory))
    write_probe(directory / probe_file.FILE_NAME, probe)


def read_model(
    directory: Path,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    accelerated: bool = True,
) -> tuple[torch.nn.Module, ModelConfig]:
    """Load a model directory, and check that it computes what it is said to compute.

    Parameters
    ----------
    directory
        With the three files that :func:`write_model` writes.
    dtype, device
        The precision of the network, and where it is to compute.
    accelerated
        Whether to exchange its tensor products for faster ones; not for an export.

    Returns
    -------
    The model in evaluation mode on `device`, and its configuration.

    Raises
    ------
    ModelError
        If files are missing or damaged, or stored predictions are not reproduced.
    IncompatibleModelError
        If a newer release of this package wrote the files.
    """
    probe = read_probe(directory / probe_file.FILE_NAME)
    if dtype != torch.float64:
        # A weight that is a little off hides behind the rounding of lower precision.
        verify_probe(*_read_unverified(directory, torch.float64), probe, str(directory))
    model, config = _read_unverified(directory, dtype)
    if accelerated:
        accelerate(model)
    model.to(device)
    model.eval()
    verify_probe(model, config, probe, str(directory))
    return model, config


def _read_unverified(directory: Path, dtype: torch.dtype) -> tuple[torch.nn.Module, ModelConfig]:
    config = read_config(directory)
    path = directory / WEIGHTS_NAME
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path} is missing", hint="Pull or train the model again.") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged: {error}", hint="Pull it again.") from error
    model = build_model(config, dtype=dtype)
    set_weights(model, tensors, str(path))
    return model, config
