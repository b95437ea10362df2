"""Stability of models in molecular dynamics, from names and plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ase import Atoms

from hub.errors import DataError, JobError
from hub.jobs.choosing import choose_pool
from hub.structures import read_structures
from hub.studies.stability import Conditions, crystal
from hub.studies.stability_folder import compare_stability
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.studies.stability import Stability


def stability(
    models: str | Path | Iterable[str | Path],
    *,
    element: str | None = None,
    structure: str | Path | Atoms | None = None,
    temperature: float = 1000.0,
    time: float = 20.0,
    timestep: float = 1.0,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    dtype: str = "float64",
    jobs: int | None = None,
    dask: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[tuple[str, Stability]]:
    """Heat a structure with each model, then run NVE molecular dynamics.

    Parameters
    ----------
    models
        One or several references, run folders or model directories.
    element
        Simulate a crystal of this element, of about 64 atoms.
    structure
        Simulate this structure instead: ASE's atoms, or the first structure of a file.
    temperature
        In K.
    time
        At constant energy, in ps.
    timestep
        In fs.
    seed
        Random seed of the velocities and the thermostat.
    out
        A folder for tables, a plot, and what is needed to resume; new or empty, unless `resume`.
    resume
        Resume in `out`; `time` may be longer than before.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
    dtype
        ``float64`` or ``float32``.
    jobs
        Number of models at a time, each with one thread; one, with all threads, if None.
    dask
        Address of a Dask scheduler. Folder and models must have the same paths on the workers.
    slurm
        Arguments of ``dask_jobqueue.SLURMCluster``, to run in SLURM jobs.
    pool
        Where to run, in place of `jobs`, `dask` and `slurm`.
    progress
        Called with the amount done for all models and the total.

    Returns
    -------
    Each model with its result, in the order given.

    Raises
    ------
    DataError
        If not exactly one of `element` and `structure` is given or it cannot be used, or if a
        state in `out` is corrupted or belongs to another model, structure or other conditions.
    JobError
        If `out` is in use or not empty, or the dynamics keep crashing their process.
    RegistryError
        If a model cannot be pulled.
    StorageError
        If the disk is full or cannot be written.
    """
    if (element is None) == (structure is None):
        raise DataError("expected exactly one structure", "Give either --element or --structure.")
    if resume and out is None:
        raise JobError("no folder to resume given", "Give the folder of the first run: --out DIR")
    return compare_stability(
        texts(models),
        crystal(element) if element is not None else _atoms(structure),
        Conditions(temperature, time, timestep, seed),
        user_path(out) if out is not None else None,
        resume=resume,
        device=device,
        dtype=dtype,
        pool=pool or choose_pool(jobs, dask, slurm),
        progress=progress,
    )


def _atoms(structure: str | Path | Atoms | None) -> Atoms:
    if isinstance(structure, Atoms):
        return structure
    read = read_structures(str(structure), require_labels=False, limit=1)
    return read.structures.to_atoms(0)
