"""How structures are made around given ones: the numbers, with their defaults and limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from hub.errors import SynthesisError
from hub.schemas import AtLeastOne, Count, NotNegative, Positive
from registry.documents import MalformedError, fit_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

Range = tuple[NotNegative, NotNegative]
Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True)
class Schedule:
    """The calls of the teacher around one structure.

    Each chain begins at the structure, strained and rattled. Each further step moves the atoms
    along the forces, and rattles them again. The defaults keep 98 % of the calls.

    Attributes
    ----------
    chains, steps
        Number of chains around each structure, and of calls in each.
    strain
        Largest component of the strain of the cell.
    rattle
        Standard deviation of the first displacements along each axis, in Å: drawn from this range
        for each chain.
    relax
        Displacement of an atom along its force, in Å^2/eV.
    longest
        Largest such displacement, in Å.
    shake
        Standard deviation of the displacements in each further step, in Å: drawn from this range.
    vacancies
        Share of the chains that begin with one atom removed.
    swaps
        Share of the chains that begin with two atoms of different elements exchanged.
    surfaces
        Share of the chains that begin with the structure cut at a random plane along its cell and
        opened by 10 Å of vacuum; molecules stay whole.
    dynamics
        Number of structures taken from molecular dynamics at the end of each chain.
    temperature
        Of these dynamics, in K.
    interval
        Number of their steps, of 1 fs, from one structure to the next.
    max_force
        Structures with a larger force on an atom are left out, in eV/Å.
    """

    chains: AtLeastOne = 2
    steps: AtLeastOne = 6
    strain: Annotated[float, Meta(ge=0, le=0.5)] = 0.05
    rattle: Range = (0.02, 0.15)
    relax: NotNegative = 0.02
    longest: NotNegative = 0.15
    shake: Range = (0.01, 0.08)
    vacancies: Share = 0.0
    swaps: Share = 0.0
    surfaces: Share = 0.5
    dynamics: Count = 0
    temperature: Positive = 1000.0
    interval: AtLeastOne = 20
    max_force: Positive = 25.0

    @classmethod
    def read(cls, given: Mapping[str, Any] | None = None) -> Schedule:
        """Return the schedule with some numbers changed.

        Raises
        ------
        SynthesisError
            If a name is unknown, or a number is out of range.
        """
        known = asdict(cls())
        try:
            schedule = fit_whole({**_plain(known), **_plain(dict(given or {}))}, cls)
            for name in ("rattle", "shake"):
                least, greatest = getattr(schedule, name)
                if least > greatest:
                    raise MalformedError(f"'{name}': the first number is larger than the second")  # noqa: TRY301
        except MalformedError as problem:
            raise SynthesisError(
                f"the schedule is invalid: {problem}", f"It has the numbers {', '.join(known)}."
            ) from problem
        return schedule

    @property
    def calls(self) -> int:
        """Number of structures around each given one, including itself."""
        return 1 + self.chains * (self.steps + self.dynamics)


def _plain(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers as JSON has them."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in numbers.items()}
