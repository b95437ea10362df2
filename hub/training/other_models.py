"""What to start from where the model that was asked for cannot be used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.facts import models_that_know

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.training.job import Job
    from registry.errors import RegistryError

_MOST = 5


def with_shipped_models(problem: RegistryError, job: Job, elements: Iterable[str]) -> RegistryError:
    """Return the error with the models that come with the package among what to do next.

    Named are those that know the elements of the data, each with the whole command.
    """
    names = models_that_know(elements, shipped=True)
    if not names:
        return problem
    models = "these models come" if len(names) > 1 else "this model comes"
    hint = f"{problem.hint} Or start from another; {models} with mlip-hub:{_commands(job, names)}"
    return type(problem)(problem.message, hint.strip())


def with_models_that_know(
    problem: RegistryError, job: Job, elements: Sequence[str]
) -> RegistryError:
    """Return the error with the models that know all elements as what to do next."""
    known = ", ".join(elements)
    names = models_that_know(elements)
    hint = f"Start from a model that knows {known}:{_commands(job, names)}"
    if not names:
        scratch = replace(job, model="", from_scratch=True).command_line()
        hint = f"No model on this machine knows {known}. Train one from scratch:\n  {scratch}"
    return type(problem)(problem.message, hint)


def _commands(job: Job, names: list[str]) -> str:
    """Return the command for each model, a line each."""
    commands = [f"\n  {replace(job, model=name).command_line()}" for name in names[:_MOST]]
    if len(names) > _MOST:
        commands.append(f"\n  and {len(names) - _MOST} more: hub list")
    return "".join(commands)
