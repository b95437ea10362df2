"""Make a dataset by molecular dynamics, from plain arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.datasets.card import Description
from hub.jobs.choosing import choose_pool
from hub.jobs.pool import LocalPool
from hub.synthesis.fitting import PUBLISHED, fit_numbers
from hub.synthesis.running import describe_atoms, run_recipe
from hub.synthesis.schedule import Recipe, Stages
from hub.teachers.spec import specify
from registry.origins import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.synthesis.running import Synthesized
    from hub.teachers.spec import TeacherSpec

_NUMBERS = 6  # that can be given


def synthesize(
    *,
    name: str,
    teacher: TeacherSpec | str,
    formula: str = PUBLISHED,
    params: str | Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    python: str | Path | None = None,
    version: str = "1.0.0",
    labels: str = "",
    onto: str = "",
    trajectories: int = 20,
    atoms: tuple[int, int] = (200, 200),
    density: tuple[float, float] | None = None,
    melt_temperature: float | None = None,
    anneal_temperature: tuple[float, float] | None = None,
    stages: tuple[float, float, float, float, float] | None = None,
    timestep: float | None = None,
    frame_interval: float | None = None,
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
    """Make structures by melting, quenching and annealing, and publish them as a dataset.

    Each frame has the columns ``time`` (ps), ``density`` (g/cm³), ``anneal_T`` (K), ``run_id``
    and ``temperature`` (instantaneous, in K), and energy and forces of the teacher, minus the
    energies of its isolated atoms.

    Numbers that are not given are those of C-SYNTH-23M for carbon. For others, the teacher relaxes
    a small cell of randomly placed atoms: its density, a melting temperature estimated from the
    stiffness of its bonds, and its fastest vibration decide them.

    Parameters
    ----------
    name, version
        Name and version of the dataset.
    teacher
        Teacher that gives the forces and labels: a name, or a complete specification.
    formula
        An element or a compound, such as ``Si`` or ``MoS2``.
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
        are spread evenly. Cells have whole formula units.
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
        Called with the numbers that were chosen, and a line for each trajectory that blew up.

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
    spec = specify(teacher, params, arguments, python)
    numbers: dict[str, Any] = {
        name: value
        for name, value in (
            ("density", density),
            ("melt_temperature", melt_temperature),
            ("anneal_temperature", anneal_temperature),
            ("stages", stages),
            ("timestep", timestep),
            ("frame_interval", frame_interval),
        )
        if value is not None
    }
    recipe = Recipe(formula, spec, trajectories, n_atoms=atoms, seed=seed)
    _with_numbers(recipe, numbers).check_cells()
    with pool or choose_pool(jobs, dask, slurm, spec.python) or LocalPool() as workers:
        if formula != PUBLISHED and len(numbers) < _NUMBERS:
            describe_atoms(workers, spec, formula)  # says which elements are unknown
            numbers = fit_numbers(spec, formula, numbers, seed, workers)
            if report:
                report(_in_words(formula, numbers))
        return run_recipe(
            _with_numbers(recipe, numbers),
            name,
            version,
            labels=labels,
            onto=onto,
            to=to or LOCAL,
            pool=workers,
            resume=resume,
            description=Description(description, license),
            progress=progress,
            report=report,
        )


def _with_numbers(recipe: Recipe, numbers: Mapping[str, Any]) -> Recipe:
    """Return a recipe with the numbers that are known; the others are those of carbon."""
    known = recipe.stages
    temperatures = [
        numbers.get(name, getattr(known, name)) for name in ("melt_temperature", "cold_temperature")
    ]
    return replace(
        recipe,
        density=numbers.get("density", recipe.density),
        anneal_temperature=numbers.get("anneal_temperature", recipe.anneal_temperature),
        stages=Stages(*temperatures, *numbers.get("stages", known.durations)),
        timestep=numbers.get("timestep", recipe.timestep),
        interval=numbers.get("frame_interval", recipe.interval),
    )


def _in_words(formula: str, numbers: Mapping[str, Any]) -> str:
    density, anneal = numbers["density"], numbers["anneal_temperature"]
    return (
        f"{formula}: {density[0]:g} to {density[1]:g} g/cm³, melted at "
        f"{numbers['melt_temperature']:g} K, annealed at {anneal[0]:g} to {anneal[1]:g} K, "
        f"{sum(numbers['stages']):g} ps in steps of {numbers['timestep']:g} fs"
    )
