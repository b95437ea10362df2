"""Measured errors in cards: those of the published models, and those of our own trainings."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_ROWS = 200
_TITLES = {
    "pretraining": "Pre-training",
    "fine_tuned": "After fine-tuning",
    "from_scratch": "Trained from scratch",
}
_COLUMNS = (
    ("energy_rmse", "Energy RMSE", "meV/atom", 1),
    ("energy_mae", "Energy MAE", "meV/atom", 1),
    ("force_rmse", "Force RMSE", "eV/Å", 3),
    ("force_mae", "Force MAE", "eV/Å", 3),
)


@dataclass(frozen=True)
class Errors:
    """Errors of a model on some structures.

    Attributes
    ----------
    label
        What they are of: a group of structures, or a number of training structures.
    n_train, n_structures
        Number of structures trained on and tested on, as far as known.
    energy_rmse, energy_mae
        In meV/atom.
    force_rmse, force_mae
        In eV/Å.
    """

    label: str
    n_train: float | None = None
    n_structures: float | None = None
    energy_rmse: float | None = None
    energy_mae: float | None = None
    force_rmse: float | None = None
    force_mae: float | None = None


@dataclass(frozen=True)
class Table:
    """Errors on one test set.

    Attributes
    ----------
    key
        ``pretraining``, ``fine_tuned``, ``from_scratch``, ``before`` or ``after``.
    title, test_set
        For people.
    rows
        At least one.
    """

    key: str
    title: str
    test_set: str
    rows: tuple[Errors, ...]

    @property
    def is_curve(self) -> bool:
        """Whether it shows errors by the number of training structures."""
        return len([row for row in self.rows if row.n_train]) > 1

    @property
    def columns(self) -> list[tuple[str, str, str, int]]:
        """Attribute, title, unit and digits of the errors that any row has."""
        return [each for each in _COLUMNS if any(getattr(row, each[0]) for row in self.rows)]

    def to_json(self) -> dict[str, Any]:
        """Return it for the scripts of the site."""
        return {"key": self.key, "title": self.title, "rows": [asdict(row) for row in self.rows]}


def tables(front_matter: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return the measured errors that a card states; what cannot be understood is left out."""
    stated = front_matter.get("measured_errors")
    if not isinstance(stated, dict):
        return ()
    found = [_published(key, stated.get(key)) for key in _TITLES]
    n_structures, name = number(stated.get("n_structures")), str(stated.get("set") or "test")
    test_set = f"{name} set" + (f", {n_structures:,.0f} structures" if n_structures else "")
    found += [
        _own(key, title, test_set, stated.get(key))
        for key, title in (("before", "Before training"), ("after", "This model"))
    ]
    return tuple(table for table in found if table is not None)


def headline(found: tuple[Table, ...]) -> Errors | None:
    """Return the errors that stand for a model in a list.

    They are those on structures like the ones that it was trained on: after training, or else
    after pre-training on the most structures.
    """
    for key in ("after", "pretraining", "fine_tuned", "from_scratch"):
        for table in found:
            if table.key == key:
                return table.rows[0] if key == "after" else table.rows[-1]
    return None


def number(value: Any) -> float | None:
    """Return a finite number; None for everything else, which a card may contain."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e30 and math.isfinite(value) else None


def _published(key: str, content: Any) -> Table | None:
    """Read errors as the cards of published models state them."""
    rows = content.get("errors") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        return None
    found = [_published_row(row) for row in rows[:_MOST_ROWS] if isinstance(row, dict)]
    known = tuple(row for row in found if row.energy_rmse or row.force_rmse)
    return Table(key, _TITLES[key], str(content.get("test_set", "")), known) if known else None


def _published_row(row: Mapping[str, Any]) -> Errors:
    n_train = number(row.get("n_train"))
    return Errors(
        label=f"{n_train:,.0f}" if n_train else "",
        n_train=n_train,
        energy_rmse=number(row.get("energy_rmse_meV_per_atom")),
        force_rmse=number(row.get("force_rmse_eV_per_A")),
    )


def _own(key: str, title: str, test_set: str, content: Any) -> Table | None:
    """Read errors as our own trainings state them: by group, all structures first."""
    groups = content if isinstance(content, dict) else {}
    rows = tuple(
        Errors(
            label=str(name),
            n_structures=number(each.get("n_structures")),
            energy_rmse=number(each.get("energy_rmse")),
            energy_mae=number(each.get("energy_mae")),
            force_rmse=number(each.get("force_rmse")),
            force_mae=number(each.get("force_mae")),
        )
        for name, each in list(groups.items())[:_MOST_ROWS]
        if isinstance(each, dict)
    )
    known = tuple(row for row in rows if row.energy_rmse or row.force_rmse)
    return Table(key, title, test_set, known) if known else None
