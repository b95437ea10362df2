"""What to start from where the model that was asked for is out of reach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.library import shipped_models

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.training.job import Job
    from registry.errors import RegistryError


def with_shipped_models(problem: RegistryError, job: Job, elements: Iterable[str]) -> RegistryError:
    """Return the error with the models that come with the package among what to do next.

    Named are those that know the elements of the data, each with the whole command.
    """
    names = shipped_models(elements)
    if not names:
        return problem
    commands = [f"\n  {replace(job, model=name).command_line()}" for name in names]
    models = "these models come" if len(names) > 1 else "this model comes"
    hint = f"{problem.hint} Or start from another; {models} with mlip-hub:{''.join(commands)}"
    return type(problem)(problem.message, hint.strip())
