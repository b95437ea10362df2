"""Time compiled networks on a GPU against NequIP's own modules: training steps and dynamics.

    python -m tests.benchmarks gpu-steps [--model c-ace-pretrained] [--repeats 20]

First, energies, forces, stresses and the gradients of a training step are compared with those of
NequIP's modules, in both precisions. Then follow, in float32, the wall time of training steps of 25
structures of 65 atoms, with the optimiser's, and of steps of dynamics of 10,000 atoms with a list
of neighbours that is built when atoms have moved. NequIP's modules with kernels of OpenEquivariance
are timed, too, if that is installed. The result is printed as JSON. Without an NVIDIA GPU, the exit
code is 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from ase import units
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

from hub.devices import device_name
from hub.potentials.ase_calculator import ModelCalculator
from hub.potentials.building import build_potential
from hub.potentials.kernels import are_available
from hub.potentials.kernels.pairs import find_half
from hub.potentials.loading import load_model
from tests.benchmarks.network import batch, crystal, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.potentials.batches import LabelledBatch
    from hub.potentials.nequip.potential import NequIPPotential

DEVICE = torch.device("cuda")
TOLERANCES = {torch.float64: 1e-10, torch.float32: 2e-4}  # relative to the largest number


def main() -> None:
    """Compare, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="c-ace-pretrained")
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("this benchmark needs an NVIDIA GPU, and torch finds none")
    if not are_available(DEVICE):
        sys.exit("this benchmark needs Triton: pip install triton")
    found: dict[str, Any] = {"device": device_name(DEVICE), "torch": torch.__version__}
    found["errors"] = {str(dtype): errors(given.model, dtype) for dtype in TOLERANCES}
    wrong = [
        f"{name} in {dtype}: {error:.1e}"
        for dtype, tolerance in TOLERANCES.items()
        for name, error in found["errors"][str(dtype)].items()
        if not error < tolerance
    ]
    if wrong:
        print(json.dumps(found, indent=2))
        sys.exit(f"the results differ from those of NequIP's modules: {', '.join(wrong)}")
    models = networks(given.model, torch.float32)
    found["training step of 25 x 65 atoms"] = training(models, given.repeats)
    found["dynamics of 10,000 atoms"] = dynamics(models, given.repeats)
    print(json.dumps(found, indent=2))


def networks(name: str, dtype: torch.dtype) -> dict[str, NequIPPotential]:
    """Return NequIP's modules, with OpenEquivariance if possible, and the compiled network."""
    weights = load_model(name).weights()
    config = load_model(name).config

    def stock() -> Any:
        model = build_potential(config, dtype=dtype)
        model.set_weights(weights, "the model")
        return model.to(DEVICE)

    found = {"stock": stock(), "compiled": stock().accelerate()}
    if not found["compiled"].is_compiled:
        sys.exit(f"the network of {name} is not compiled")
    try:
        import openequivariance  # noqa: F401

        found["openequivariance"] = with_openequivariance(stock())
    except ImportError as problem:
        print(f"OpenEquivariance is not timed: {problem}", file=sys.stderr)
    return found


def with_openequivariance(model: Any) -> NequIPPotential:
    """Replace the tensor products of NequIP's modules by those of OpenEquivariance."""
    from nequip.nn._tp_scatter_base import TensorProductScatter

    model.network = TensorProductScatter.enable_OpenEquivariance(model.network)
    found: NequIPPotential = model.to(DEVICE)
    return found


def labelled(model: NequIPPotential, count: int, repeats: tuple[int, int, int]) -> LabelledBatch:
    """Return crystals with an atom more than whole cells have, on the GPU, with known pairs."""
    structures = []
    for seed in range(count):
        atoms = crystal(repeats, seed)
        atoms.append("C")
        atoms.positions[-1] = (
            atoms.cell.lengths() / 4
        )  # the centre of a cubic cell, where there is room
        structures.append(atoms)
    made = batch(model, structures)
    object.__setattr__(made, "half", find_half(made.edges, made.shifts))  # as the loader does
    return made.to(DEVICE)


def errors(name: str, dtype: torch.dtype) -> dict[str, float]:
    """Return the largest differences from NequIP's modules, in units of the largest numbers."""
    models = networks(name, dtype)
    data = labelled(models["stock"], 3, (2, 2, 2))
    found: dict[str, dict[str, torch.Tensor]] = {}
    for kind in ("stock", "compiled"):
        step(models[kind], data)
        output = models[kind](data)
        found[kind] = {
            **{key: getattr(output, key).detach() for key in ("energies", "forces", "stresses")},
            **{
                key: value.grad
                for key, value in models[kind].energy_network.named_parameters()
                if value.grad is not None
            },
        }
    largest = max(float(v.abs().max()) for k, v in found["stock"].items() if "." in k)
    scales = {
        key: largest if "." in key else float(value.abs().max())
        for key, value in found["stock"].items()
    }
    each = {
        key: float((found["compiled"][key] - value).abs().max()) / scales[key]
        for key, value in found["stock"].items()
    }
    outputs = {key: value for key, value in each.items() if "." not in key}
    return outputs | {"gradients": max(value for key, value in each.items() if "." in key)}


def training(models: dict[str, NequIPPotential], repeats: int) -> dict[str, Any]:
    """Time steps of each network, and count how often the host waits for the GPU in one."""
    data = labelled(models["stock"], 25, (2, 2, 2))
    found: dict[str, Any] = {}
    for kind, model in models.items():
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
        call = partial(training_step, model, data, optimizer)
        torch.cuda.reset_peak_memory_stats()
        found[kind] = milliseconds(call, repeats)
        found[kind]["peak_MiB"] = torch.cuda.max_memory_allocated() / 2**20
        found[kind]["host_waits"] = waits(call)
    return found


def training_step(
    model: NequIPPotential, data: LabelledBatch, optimizer: torch.optim.Optimizer
) -> None:
    """Take a training step."""
    step(model, data)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def dynamics(models: dict[str, NequIPPotential], repeats: int) -> dict[str, Any]:
    """Time steps of molecular dynamics of each network."""
    found = {}
    for kind, model in models.items():
        atoms = crystal((5, 10, 25), 0)
        atoms.calc = ModelCalculator(model.eval())
        MaxwellBoltzmannDistribution(atoms, temperature_K=300)
        run = VelocityVerlet(atoms, 0.5 * units.fs)
        torch.cuda.reset_peak_memory_stats()
        found[kind] = milliseconds(lambda run=run: run.run(1), repeats)
        found[kind]["peak_MiB"] = torch.cuda.max_memory_allocated() / 2**20
    return found


def milliseconds(call: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Return the wall time of the first call, and the median and least of further ones."""
    times = []
    for _ in range(repeats + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    first, later = times[0], times[3:]
    return {"first_ms": first, "median_ms": statistics.median(later), "least_ms": min(later)}


def waits(call: Callable[[], Any]) -> list[str]:
    """Return where the host waits for the GPU in a call."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return [
        f"{each.filename}:{each.lineno}" for each in caught if "synchroniz" in str(each.message)
    ]


if __name__ == "__main__":
    main()
