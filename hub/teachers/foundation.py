"""Foundation models whose packages need an environment of their own.

Each is loaded by its own package there, which downloads weights when first used, except for MACE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.errors import TeacherError
from hub.teachers.family import Description

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ase.calculators.calculator import Calculator

    Options = Mapping[str, Any]

# The model that a family takes if none is named.
ORB, MATTERSIM = "orb-v3-conservative-inf-omat", "MatterSim-v1.0.0-1M.pth"
GRACE, UMA = "GRACE-1L-OAM", "uma-s-1p1"


def build_mace(parameters: Path, options: Options) -> Calculator:
    """Return the calculator of a model file; loading it executes code in it, as MACE does."""
    from mace.calculators import MACECalculator

    calculator: Calculator = MACECalculator(
        model_paths=str(parameters),
        device=_device(options),
        default_dtype=options.get("dtype", "float64"),
        **({"head": options["head"]} if "head" in options else {}),
    )
    return calculator


def describe_mace(parameters: Path, options: Options) -> Description:
    """Return the elements of a model file."""
    from ase.data import chemical_symbols

    calculator: Any = build_mace(parameters, options)
    numbers = calculator.models[0].atomic_numbers.tolist()
    return Description(tuple(chemical_symbols[number] for number in numbers), (parameters,))


def build_orb(parameters: Path | None, options: Options) -> Calculator:  # noqa: ARG001 - a Build
    """Return the calculator of an Orb model."""
    from orb_models.forcefield.calculator import ORBCalculator
    from orb_models.forcefield.pretrained import ORB_PRETRAINED_MODELS

    name, device = options.get("model", ORB), _device(options)
    if name not in ORB_PRETRAINED_MODELS:
        raise TeacherError(f"unknown model {name}", f"Known: {', '.join(ORB_PRETRAINED_MODELS)}.")
    model = ORB_PRETRAINED_MODELS[name](device=device, precision="float32-highest")
    calculator: Calculator = ORBCalculator(model, device=device)
    return calculator


def build_mattersim(parameters: Path | None, options: Options) -> Calculator:  # noqa: ARG001
    """Return the calculator of a MatterSim model."""
    from mattersim.forcefield import MatterSimCalculator

    calculator: Calculator = MatterSimCalculator(
        load_path=options.get("model", MATTERSIM), device=_device(options)
    )
    return calculator


def build_grace(parameters: Path | None, options: Options) -> Calculator:  # noqa: ARG001
    """Return the calculator of a GRACE model."""
    from tensorpotential.calculator import grace_fm

    calculator: Calculator = grace_fm(options.get("model", GRACE))
    return calculator


def build_uma(parameters: Path | None, options: Options) -> Calculator:  # noqa: ARG001
    """Return the calculator of a UMA model for one of its tasks.

    Raises
    ------
    TeacherError
        If no task is given: it decides the level of theory.
    """
    from fairchem.core import FAIRChemCalculator, pretrained_mlip

    if "task" not in options:
        raise TeacherError(
            "teacher uma needs a task, which decides the level of theory",
            'Give --arguments \'{"task": "omat"}\', or omol, oc20, odac, omc.',
        )
    predictor = pretrained_mlip.get_predict_unit(options.get("model", UMA), device=_device(options))
    calculator: Calculator = FAIRChemCalculator(predictor, task_name=options["task"])
    return calculator


def _device(options: Options) -> str:
    return str(options.get("device", "cpu"))
