"""The folder of a stability check: resumable dynamics, tables and a plot."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, astuple
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.errors import DataError, JobError
from hub.jobs.out_folder import at_work, require_new
from hub.jobs.pool import InProcess, Lost, Tasks
from hub.library import open_model
from hub.potentials.ase_calculator import calculator
from hub.potentials.directory import WEIGHTS_NAME
from hub.schemas import Count
from hub.structures.structure_set import StructureSet
from hub.studies.csv_file import write_csv
from hub.studies.stability import Conditions, Sample, Stability, State, run_dynamics
from hub.studies.stability_plot import stability_plot
from registry.documents import MalformedError, fit, parse_json
from registry.files import sha256_of
from registry.outputs import write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms

    from hub.jobs.pool import Pool

TABLE_NAME = "stability.md"
PLOT_NAME = "stability.png"
HEADER = (
    "MODEL", "PS", "DRIFT (meV/atom/ps)", "MEAN K", "SMALLEST DISTANCE (Å)", "COORDINATION",
    "ENDED",
)  # fmt: skip


def compare_stability(
    models: Sequence[str],
    atoms: Atoms,
    conditions: Conditions,
    out: Path | None = None,
    *,
    resume: bool = False,
    device: str = "auto",
    dtype: str = "float64",
    pool: Pool | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[tuple[str, Stability]]:
    """Run the same dynamics with several models.

    Parameters
    ----------
    models
        References or directories.
    atoms
        The initial structure.
    conditions
        Temperature, time, time step and seed.
    out
        A folder for tables, a plot, and what is needed to resume; new or empty, unless `resume`.
    resume
        Resume in `out`; the time may be longer than before.
    device, dtype
        Device and precision.
    pool
        Where to run several dynamics at a time; by default, they run one by one in this process.
        Folder and models must have the same paths there.
    progress
        Called with the amount done for all models and the total.

    Returns
    -------
    Each model with its result, in the order given.

    Raises
    ------
    DataError
        If a state is corrupted, or belongs to another model, structure or other conditions.
    JobError
        If `out` is in use or contains other files, or the dynamics keep crashing their process.
    RegistryError
        If a model cannot be pulled.
    StorageError
        If the disk is full or cannot be written.
    """
    directories = [open_model(model).path for model in models]
    found: dict[int, Stability] = {}

    def advance(done: int, total: int | None) -> None:
        """Report the dynamics that run in this process."""
        if progress and total:
            progress(len(found) * total + done, len(models) * total)

    run = partial(follow, device=device, dtype=dtype, progress=None if pool else advance)
    if out:
        require_new(out, "*.state.npz", resume=resume)
    with at_work(out) if out else nullcontext(), pool or InProcess() as workers:
        tasks = Tasks(workers)
        for number, (model, directory) in enumerate(zip(models, directories, strict=True)):
            state = out / _file_name(number, model, "state.npz") if out else None
            tasks.add(number, run, directory, atoms, conditions, state)
        for number, stability in tasks.finished():
            if isinstance(stability, Lost):
                raise JobError(
                    f"{models[number]}: {stability.reason}",
                    "It may have run out of memory. Try fewer --jobs; with --out, add --resume.",
                )
            found[number] = stability
            if pool and progress:
                progress(len(found), len(models))
        compared = [(model, found[number]) for number, model in enumerate(models)]
        if out:
            _write_report(out, compared)
    return compared


def follow(
    directory: Path,
    atoms: Atoms,
    conditions: Conditions,
    path: Path | None = None,
    *,
    device: str = "auto",
    dtype: str = "float64",
    progress: Callable[[int, int | None], None] | None = None,
) -> Stability:
    """Run the dynamics of one model, or resume them.

    Parameters
    ----------
    directory
        Of the model.
    atoms
        The initial structure.
    conditions
        Temperature, time, time step and seed.
    path
        File for the state, if any. If it exists, the dynamics resume from it.
    device, dtype
        Device and precision.
    progress
        Called with the number of steps done and their total.

    Raises
    ------
    DataError
        If the state is corrupted, or belongs to another model, structure or other conditions.
    StorageError
        If the disk is full or cannot be written.
    """
    computed = calculator(directory, device=device, dtype=dtype)
    if path is None:
        return run_dynamics(atoms, computed, conditions, progress=progress)
    settings = {
        "model": sha256_of(directory / WEIGHTS_NAME),
        "structure": StructureSet.from_atoms([atoms]).digest(),
        **asdict(conditions),
    }
    settings.pop("time")  # a resumed run may be longer
    state = _read(path, settings) if path.exists() else None
    return run_dynamics(
        atoms,
        computed,
        conditions,
        state=state,
        keep=lambda reached: _write(path, reached, settings),
        progress=progress,
    )


def _file_name(number: int, place: str, ending: str) -> str:
    """Return the name of a file of the model given at this position."""
    return f"{number}-{Path(place).name}.{ending}"


def _write_report(folder: Path, found: Sequence[tuple[str, Stability]]) -> None:
    """Write a CSV of each model over time, a table of all models, and a plot.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    for number, (place, stability) in enumerate(found):
        rows = [asdict(sample) for sample in stability.samples]
        write_csv(folder / _file_name(number, place, "csv"), rows)
    lines = [HEADER, ("---",) * len(HEADER), *(row(*each) for each in found)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    write_file(folder / TABLE_NAME, table.encode())
    stability_plot(folder / PLOT_NAME, found)


def row(place: str, stability: Stability) -> tuple[str, ...]:
    """Return a row of the table, below `HEADER`."""
    coordination = stability.of("coordination")
    return (
        place,
        f"{stability.samples[-1].time:.2f}",
        f"{stability.drift:.2g}",
        f"{stability.of('temperature').mean():.0f}",
        f"{stability.of('smallest_distance').min():.3f}",
        f"{coordination[0]:.2f} to {coordination[-1]:.2f}",
        stability.failure or "completed",
    )


def _write(path: Path, state: State, settings: dict[str, Any]) -> None:
    content = BytesIO()
    np.savez_compressed(
        content,
        positions=state.positions,
        momenta=state.momenta,
        samples=np.array([astuple(sample) for sample in state.samples]),
        facts=np.array(
            json.dumps([settings, state.steps, state.random, state.failure], sort_keys=True)
        ),
    )
    write_file(path, content.getvalue())


def _read(path: Path, settings: dict[str, Any]) -> State:
    try:
        with np.load(path, allow_pickle=False) as content:
            facts = parse_json(str(content["facts"]).encode())
            begun, steps, random, failure = fit(
                facts, tuple[dict[str, Any], Count, dict[str, Any], str]
            )
            np.random.default_rng(0).bit_generator.state = random
            samples = tuple(Sample(*map(float, each)) for each in content["samples"])
            positions, momenta = content["positions"], content["momenta"]
        if not positions.shape == momenta.shape == (len(positions), 3):
            raise MalformedError("positions and momenta do not match")  # noqa: TRY301
    except Exception as problem:  # whatever zip, numpy and json find wrong
        raise DataError(
            f"{path} is corrupted: {problem}", "Remove it to restart this model's dynamics."
        ) from problem
    changed = [name for name in settings if begun.get(name) != settings[name]]
    if changed:
        raise DataError(
            f"the dynamics in {path} were started with another {' and '.join(changed)}",
            "Give the same settings as before, or choose another --out.",
        )
    return State(steps, positions, momenta, random, samples, failure)
