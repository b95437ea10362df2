"""Learning curves: errors after training from several starts on growing training sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.jobs.choosing import choose_pool
from hub.studies.curve_plot import FILE_NAME, curve_plot
from hub.studies.curve_table import write_tables
from hub.studies.curve_trainings import train_curve
from hub.studies.paper import beside_paper, data_elements, write_beside
from hub.training.job import Job
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.schemas import Convention
    from hub.studies.curve import CurveReporter, Point


def learning_curve(
    data: str | Path | Iterable[str | Path],
    *,
    start: str | Path | Iterable[str | Path],
    out: str | Path,
    labels: str = "",
    test: str | Path | Iterable[str | Path] = (),
    sizes: Sequence[int] = (10, 25, 50, 100, 200),
    seeds: int = 3,
    recipe: str = "default",
    epochs: int | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    device: str = "auto",
    energy_key: str | None = None,
    forces_key: str | None = None,
    stress_key: str | None = None,
    stress_convention: Convention = "ase",
    resume: bool = False,
    paper: bool = False,
    reporter: CurveReporter | None = None,
) -> list[Point]:
    """Train from every start, on every number of structures, with every seed.

    All models are tested on the same structures. For one seed, larger training sets include the
    smaller ones, whatever the start.

    Parameters
    ----------
    data
        Files in any format that ASE reads, patterns of such files, or a dataset.
    start
        One start or several: a model (a reference, run folder or model directory);
        ``auto=MODEL``, transferred to the elements of the data; ``scratch``; or ``scratch=MODEL``,
        for its architecture.
    out
        A folder for the run folders of all trainings, ``learning_curve.md``, ``.csv`` and
        ``.png``; new or empty, unless `resume`.
    labels
        Label set of a dataset; the only one if empty.
    test
        Files of held-out test structures; a fifth of the data if empty.
    sizes
        Numbers of training structures, not counting validation.
    seeds
        Number of trainings of each start and size.
    recipe
        ``default`` or ``paper``.
    epochs, learning_rate, batch_size
        Override the recipe if not None.
    jobs
        Number of parallel training runs, each with one thread; one, with all threads, if None.
    dask
        Address of a Dask scheduler. Folder and data must have the same paths on the workers.
    slurm
        Arguments of ``dask_jobqueue.SLURMCluster``, to run in SLURM jobs.
    pool
        Where to run, in place of `jobs`, `dask` and `slurm`.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
    energy_key, forces_key, stress_key
        Names of the labels in the files (eV, eV/Å); detected if None.
    stress_convention
        Sign and unit of stresses: ``ase`` (eV/Å^3), ``compression``, ``gpa`` or ``vasp``.
    resume
        Resume in `out`. Finished trainings are kept; starts, sizes and seeds may be added.
    paper
        Also write ``paper.md``: these errors beside those of the paper on synthetic pre-training,
        for carbon and silicon.
    reporter
        Receives progress.

    Returns
    -------
    The points, by number of structures, then in the order of the starts, then by seed.

    Raises
    ------
    DataError
        If the data cannot be trained on, or are too few.
    TrainingError
        If a training in `out` was started with other settings or data, or a training fails.
    RegistryError
        If a model cannot be pulled.
    JobError
        If `out` is in use or not empty, or a training keeps crashing its process.
    StorageError
        If the disk is full or cannot be written.
    """
    folder = user_path(out)
    job = Job(
        data=texts(data),
        labels=labels,
        test=texts(test),
        recipe=recipe,
        max_epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        device=device,
        energy_key=energy_key,
        forces_key=forces_key,
        stress_key=stress_key,
        stress_convention=stress_convention,
    )
    points = train_curve(
        job,
        texts(start),
        sizes,
        seeds,
        folder,
        resume=resume,
        pool=pool or choose_pool(jobs, dask, slurm),
        reporter=reporter,
    )
    write_tables(folder, points)
    curve_plot(folder / FILE_NAME, points)
    if paper:
        write_beside(folder, beside_paper(points, data_elements(folder)))
    return points
