"""The rows of foundation models that run in an environment of their own."""

from __future__ import annotations

from typing import Any

from hub.teachers.family import Family

DEVICE = {"device": "device: cpu (default), cuda ..."}


def _foundation(
    name: str, summary: str, build: str, requirements: tuple[str, ...], **row: Any
) -> Family:
    """Return a family that runs in an environment of its own."""
    return Family(
        name,
        summary,
        build=f"hub.teachers.foundation:{build}",
        requirements=("ase==3.29.0", *requirements),  # which bring a numpy that suits them
        install=f"hub teachers {name} --install",
        **row,
    )


FOUNDATION_FAMILIES = (
    _foundation(
        "mace",
        "MACE, from a model file",
        "build_mace",
        ("torch==2.13.0", "mace-torch==0.3.16"),
        describe="hub.teachers.foundation:describe_mace",
        parameters="required",
        options={
            **DEVICE,
            "dtype": "float64 (default) or float32",
            "head": "head of a model with several levels of theory",
        },
        modules=("mace",),
        packages=("mace-torch", "torch"),
        level_of_theory="MACE",
        licence="MIT; each model file has its own",
        citation="https://doi.org/10.48550/arXiv.2206.07697",
        warning="A model file is a pickle: loading it executes code in it. Use files you trust.",
    ),
    _foundation(
        "orb",
        "Orb, for many elements; downloads the model (100 MB)",
        "build_orb",
        ("torch==2.13.0", "orb-models==0.5.5"),
        options={**DEVICE, "model": "name in orb-models (default orb-v3-conservative-inf-omat)"},
        modules=("orb_models",),
        packages=("orb-models", "torch"),
        level_of_theory="PBE and PBE+U of OMat24",
        licence="Apache-2.0 (code and weights)",
        citation="https://doi.org/10.48550/arXiv.2504.06231",
    ),
    _foundation(
        "mattersim",
        "MatterSim, for many elements; downloads the model (18 MB)",
        "build_mattersim",
        ("torch==2.13.0", "mattersim==1.2.3"),
        options={**DEVICE, "model": "name in mattersim (default MatterSim-v1.0.0-1M.pth)"},
        modules=("mattersim",),
        packages=("mattersim", "torch"),
        level_of_theory="PBE and PBE+U of MatterSim",
        licence="MIT (code and weights)",
        citation="https://doi.org/10.48550/arXiv.2405.04967",
    ),
    _foundation(
        "grace",
        "GRACE, for many elements; downloads the model (30 MB)",
        "build_grace",
        ("tensorpotential==0.6.2.1",),
        options={"model": "name in tensorpotential (default GRACE-1L-OAM)"},
        modules=("tensorpotential",),
        packages=("tensorpotential", "tensorflow"),
        level_of_theory="PBE and PBE+U of OMat24, sAlex and MPtrj",
        licence="Academic Software License: non-commercial (code and weights)",
        citation="https://doi.org/10.1103/PhysRevX.14.021036",
    ),
    _foundation(
        "uma",
        "UMA, for many elements; downloads the model from Hugging Face after login",
        "build_uma",
        ("fairchem-core==2.24.0",),
        options={
            **DEVICE,
            "model": "name in fairchem-core (default uma-s-1p1)",
            "task": "omat, omol, oc20, odac or omc: the level of theory (required)",
        },
        modules=("fairchem",),
        packages=("fairchem-core", "torch"),
        level_of_theory="that of the task",
        licence="code MIT; weights FAIR Chemistry License, to be accepted on Hugging Face",
        citation="https://doi.org/10.48550/arXiv.2506.23971",
    ),
)
