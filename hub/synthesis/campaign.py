"""Run trajectories, one in each process, and keep the finished ones even if killed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hub.errors import SynthesisError
from hub.jobs.pool import Lost, Tasks
from hub.synthesis.trajectory import (
    lost_trajectory,
    read_trajectory,
    run_trajectory,
    write_trajectory,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.jobs.pool import Pool
    from hub.synthesis.schedule import Plan, Recipe

# A trajectory that blew up is repeated once with a time step smaller by this factor.
SMALLER = 4
NAMES = re.compile(r"run-\d{6,}\.npz")


class Campaign:
    """The trajectories of one recipe, each a file in a directory.

    Parameters
    ----------
    directory
        Directory of the files, created if needed.
    recipe, plans
        Recipe and plans of the trajectories.
    pool
        Pool of workers.
    progress
        Called with the number of frames done, and their total.
    report
        Called with a line for each trajectory that blew up.
    """

    def __init__(
        self,
        directory: Path,
        recipe: Recipe,
        plans: Sequence[Plan],
        pool: Pool,
        progress: Callable[[int, int | None], None] | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.directory = directory
        self.recipe = recipe
        self.plans = plans
        self._tasks = Tasks(pool)
        self._progress = progress or (lambda done, total: None)  # noqa: ARG005
        self._report = report or (lambda text: None)  # noqa: ARG005
        self._timesteps: dict[int, float] = {}

    def run(self) -> None:
        """Run all unfinished trajectories.

        Raises
        ------
        SynthesisError
            If no trajectory has a single frame.
        """
        plans = {plan.run_id: plan for plan in self.plans}
        for plan in self.plans:
            self._begin(plan)
        self._show()
        for run_id, result in self._tasks.finished():
            plan = plans[run_id]
            if isinstance(result, Lost):
                trajectory = lost_trajectory(plan, self._timesteps[run_id], result.reason)
            else:
                trajectory = result
            write_trajectory(self._path(plan), trajectory)
            self._begin(plan)
            self._show()
        failures = self.failures()
        if len(failures) == len(self.plans) and not any(run["frames"] for run in self.runs()):
            raise SynthesisError(
                f"no trajectory reached its first frame: {next(iter(failures.values()))}",
                "Is the time step appropriate, and is the teacher suitable for these densities?",
            )

    def paths(self) -> list[Path]:
        """Return the files of all trajectories, in their order."""
        return [self._path(plan) for plan in self.plans]

    def runs(self) -> list[dict[str, Any]]:
        """Return a description of each trajectory and how it ended, as JSON."""
        return [
            {
                "run_id": plan.run_id,
                "n_atoms": plan.n_atoms,
                "density": plan.density,
                "anneal_T": plan.anneal_temperature,
                "timestep": trajectory.timestep,
                "frames": len(trajectory.times),
                **({"blown_up": trajectory.failure} if trajectory.failure else {}),
            }
            for plan, trajectory in (
                (plan, read_trajectory(self._path(plan))) for plan in self.plans
            )
        ]

    def failures(self) -> dict[int, str]:
        """Return why trajectories ended early, by their number."""
        return {run["run_id"]: run["blown_up"] for run in self.runs() if "blown_up" in run}

    def _begin(self, plan: Plan) -> None:
        """Run a trajectory unless it is done; repeat it with smaller steps if it blew up."""
        path, timestep = self._path(plan), self.recipe.timestep
        if path.exists():
            before = read_trajectory(path)
            if not before.failure:
                return
            self._report(
                f"trajectory {plan.run_id} blew up after {len(before.times)} of "
                f"{self.recipe.n_frames} frames with steps of {before.timestep:g} fs: "
                f"{before.failure}"
            )
            if before.timestep < timestep:
                return
            timestep /= SMALLER
        self._timesteps[plan.run_id] = timestep
        self._tasks.add(plan.run_id, run_trajectory, self.recipe, plan, timestep)

    def _show(self) -> None:
        done = len(self.plans) - len(self._tasks)
        self._progress(done * self.recipe.n_frames, len(self.plans) * self.recipe.n_frames)

    def _path(self, plan: Plan) -> Path:
        return self.directory / f"run-{plan.run_id:06d}.npz"
