"""A ranking of models on some data: its rows, and what it recommends."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from hub.evaluation.metrics import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["model", "teacher", "scratch", "alchemical", "finetuned"]
SCRATCH = "from scratch"
# A model that takes no more time per atom than this many times the one from scratch can be used
# itself; distilling a slower one is worth it.
_AS_FAST = 3.0
_FEW_FAILURES = 0.1  # share of the structures


@dataclass(frozen=True)
class Row:
    """One model of a ranking.

    Attributes
    ----------
    name
        Of the model or teacher; for a transferred or fine-tuned one, of the model that it starts
        from.
    kind
        ``model`` and ``teacher`` as they are; ``scratch``, ``alchemical`` and ``finetuned`` trained
        here.
    errors
        Over all structures, then for each configuration type; empty if it failed. Energies are
        shifted for each element, or those of cross-validation.
    ms_per_atom
        Time for energies and forces; None if not measured.
    is_trainable
        Whether it can be fine-tuned here.
    licence, level_of_theory
        As far as they are stated.
    failure
        Why it has no errors; empty if it has.
    n_failed
        Number of structures without labels.
    """

    name: str
    kind: Kind
    errors: dict[str, dict[str, Any]] = field(default_factory=dict)
    ms_per_atom: float | None = None
    is_trainable: bool = False
    licence: str = ""
    level_of_theory: str = ""
    failure: str = ""
    n_failed: int = 0

    @property
    def title(self) -> str:
        """Its name, and whether it was fine-tuned, as one model may have a row for either."""
        return f"{self.name}, fine-tuned" if self.kind == "finetuned" else self.name

    @property
    def force_rmse(self) -> float:
        """Over all structures, in eV/Å; infinite if it failed."""
        value = self.errors[ALL]["force_rmse"] if self.errors else None
        return float("inf") if value is None else float(value)

    @property
    def is_sound(self) -> bool:
        """Whether it labelled nearly all structures."""
        return not self.failure and self.n_failed <= _FEW_FAILURES * (
            self.n_failed + self.errors[ALL]["n_structures"]
        )

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Advice:
    """What to do with the data.

    Attributes
    ----------
    action
        ``distil``, ``finetune`` or ``scratch``.
    name
        The model or teacher to start from; empty from scratch.
    reason
        Why, in a sentence.
    commands
        Command lines that do it: the recommended one first.
    """

    action: Literal["distil", "finetune", "scratch"]
    name: str
    reason: str
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Ranking:
    """Models on the same structures, from the lowest force error to the highest.

    Attributes
    ----------
    rows
        The models.
    n_structures
        Number of structures.
    advice
        The recommendation.
    """

    rows: tuple[Row, ...]
    n_structures: int
    advice: Advice

    def to_json(self) -> dict[str, Any]:
        """Return the ranking as JSON."""
        return {
            "structures": self.n_structures,
            "rows": [row.to_json() for row in self.rows],
            "advice": asdict(self.advice),
        }


def beats(row: Row, scratch: Row) -> bool:
    """Whether a model has lower force errors than training from scratch.

    This is where distilling it helps: students of other teachers were no better than training from
    scratch on the same structures.
    """
    return row.is_sound and row.force_rmse < scratch.force_rmse


def advise(rows: Sequence[Row], options: Sequence[str], architecture: Sequence[str]) -> Advice:
    """Return what to do with the data.

    Parameters
    ----------
    rows
        The ranking, with a row from scratch.
    options
        Words of the command line that choose the data and the split.
    architecture
        Words that choose the architecture of a new model.
    """
    scratch = next(row for row in rows if row.kind == "scratch")
    better = [row for row in rows if row.kind != "scratch" and beats(row, scratch)]
    from_scratch = shlex.join(["hub", "finetune", *options, "--from-scratch", *architecture])
    if not better:
        tried = [row for row in rows if row.kind != "scratch"]
        reason = (
            "no model has lower force errors than training from scratch "
            f"({scratch.force_rmse:.3f} eV/Å)"
            if tried
            else "no available model covers these elements"
        )
        return Advice("scratch", "", reason, (from_scratch,))
    best = min(better, key=lambda row: row.force_rmse)
    reason = (
        f"{best.name} has a force error of {best.force_rmse:.3f} eV/Å, training from scratch "
        f"{scratch.force_rmse:.3f}"
    )
    finetune = ["hub", "finetune", *options, "--model", best.name]
    distil = ["hub", "distil", *options, "--teacher", best.name]
    if best.kind == "alchemical":
        command = shlex.join([*finetune, "--alchemical", "auto"])
        reason = f"transferred to the elements of the data, {reason}"
        return Advice("finetune", best.name, reason, (command,))
    slower = _times_slower(best, scratch)
    if best.kind == "finetuned":
        words = [finetune] if _is_fast(slower) else [finetune, [*distil, "--finetune-teacher"]]
        return Advice(
            "finetune",
            best.name,
            f"fine-tuned for a few epochs, {reason}",
            tuple(map(shlex.join, words)),
        )
    if best.is_trainable and _is_fast(slower):
        return Advice("finetune", best.name, f"{reason}; and it is fast", (shlex.join(finetune),))
    if slower is not None:
        reason += f"; distilled, it becomes about {slower:.0f} times faster"
    words = [distil, finetune] if best.is_trainable else [distil]
    return Advice("distil", best.name, reason, tuple(map(shlex.join, words)))


def _is_fast(slower: float | None) -> bool:
    return slower is not None and slower <= _AS_FAST


def _times_slower(row: Row, scratch: Row) -> float | None:
    if row.ms_per_atom is None or not scratch.ms_per_atom:
        return None
    return row.ms_per_atom / scratch.ms_per_atom
