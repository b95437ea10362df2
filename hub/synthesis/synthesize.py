"""Make a dataset by molecular dynamics, from plain arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.datasets.card import Description
from hub.jobs.choosing import choose_pool
from hub.synthesis.running import run_recipe
from hub.synthesis.schedule import Recipe, Stages
from hub.teachers.spec import specify
from registry.origins import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.synthesis.running import Synthesized
    from hub.teachers.spec import TeacherSpec

_COLD = 300.0  # K


def synthesize(
    *,
    name: str,
    teacher: TeacherSpec | str,
    element: str = "C",
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
    version: str = "1.0.0",
    labels: str = "",
    onto: str = "",
    trajectories: int = 20,
    atoms: tuple[int, int] = (200, 200),
    density: tuple[float, float] = (1.0, 3.5),
    melt_temperature: float = 9000.0,
    anneal_temperature: tuple[float, float] = (2000.0, 4000.0),
    stages: tuple[float, float, float, float, float] = (5.0, 5.0, 50.0, 100.0, 50.0),
    timestep: float = 1.0,
    frame_interval: float = 1.0,
    seed: int = 0,
    jobs: int | None = None,
    dask: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    resume: bool = False,
    to: str | None = None,
    description: str = "",
    license: str = "",  # noqa: A002 - the option's name
    progress: Callable[[int, int | None], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> Synthesized:
    """Make structures of an element by melting, quenching and annealing; publish them as a dataset.

    Each frame has the columns ``time`` (ps), ``density`` (g/cm³), ``anneal_T`` (K), ``run_id``
    and ``temperature`` (instantaneous, in K), and energy and forces of the teacher, minus the
    energies of its isolated atoms.

    Parameters
    ----------
    name, version
        Name and version of the dataset.
    teacher
        Teacher that gives the forces and labels: a name, or a complete specification.
    element
        A chemical symbol.
    params
        Parameter file of the teacher.
    arguments
        Options of the teacher.
    python
        Interpreter of another environment that has the teacher, numpy and ASE. By default that of
        `hub teachers NAME --install` for teachers that need their own, else this one.
    labels
        Name of the label set; the teacher's if empty.
    onto
        A dataset that this one extends; trajectories are numbered after its own.
    trajectories
        Number of trajectories.
    atoms, density, anneal_temperature
        Minimum and maximum number of atoms, density in g/cm³ and temperature in K; trajectories
        are spread evenly.
    melt_temperature
        In K.
    stages
        Duration of melt, quench, heat, anneal and cool, in ps.
    timestep
        In fs.
    frame_interval
        Time between frames, in ps.
    seed
        Random seed.
    jobs
        Number of processes; one for each core if None.
    dask
        Address of a Dask scheduler to run on.
    slurm
        Arguments of ``dask_jobqueue.SLURMCluster``, to run in SLURM jobs.
    pool
        Where to run, instead of `jobs`, `dask` and `slurm`.
    resume
        Resume an interrupted synthesis.
    to
        Registry to publish to: a name or a directory; this machine's own if None.
    description
        One-line description; generated if empty.
    license
        Licence, e.g. ``CC-BY-4.0``.
    progress
        Called with the number of frames done, and their total.
    report
        Called with a line for each trajectory that blew up.

    Raises
    ------
    SynthesisError
        If the settings are invalid, or all trajectories blew up.
    JobError
        If the unfinished synthesis was started with other settings, or the pool is lost.
    TeacherError
        If the teacher cannot be used.
    ExistsError
        If the version already exists, another process is making it, or it is unfinished and
        `resume` is not given.
    StorageError
        If the disk is full or cannot be written; `resume` continues from there.
    """
    recipe = Recipe(
        element,
        specify(teacher, params, arguments, python),
        trajectories,
        density,
        anneal_temperature,
        atoms,
        Stages(melt_temperature, _COLD, *stages),
        timestep,
        frame_interval,
        seed,
    )
    return run_recipe(
        recipe,
        name,
        version,
        labels=labels,
        onto=onto,
        to=to or LOCAL,
        pool=pool or choose_pool(jobs, dask, slurm, recipe.teacher.python),
        resume=resume,
        description=Description(description, license),
        progress=progress,
        report=report,
    )
