"""Run a recipe: random starts are melted, quenched and annealed, and published as a dataset."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from hub.datasets.card import Description
from hub.datasets.importing import import_dataset
from hub.datasets.layout import LabelSet, check_label_name
from hub.dates import today
from hub.errors import SynthesisError
from hub.jobs.pool import LocalPool
from hub.jobs.unfinished import Unfinished
from hub.library import catalogue
from hub.synthesis.campaign import NAMES as TRAJECTORIES
from hub.synthesis.campaign import Campaign
from hub.synthesis.engine import DAMPING
from hub.synthesis.frames import frames_source, next_run_id, open_base
from hub.synthesis.schedule import spread
from hub.synthesis.start import NEAREST_AT_START, counts_of
from hub.teachers.driver import ask_teacher
from registry.origins import LOCAL
from registry.publishing import check_free
from registry.removal import entries

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.jobs.pool import Pool
    from hub.synthesis.schedule import Recipe
    from hub.teachers.labelling import Described
    from hub.teachers.spec import TeacherSpec
    from registry.versions import LocalVersion

_BEGUN = "begun.json"


class _Begun(TypedDict):
    """How the trajectories are made, when they were started, and the labels of their teacher."""

    recipe: dict[str, Any]
    labels: str
    onto: str
    provenance: dict[str, Any]
    isolated_atoms: dict[str, float]
    date: str


@dataclass(frozen=True)
class Synthesized:
    """A finished synthesis.

    Attributes
    ----------
    version
        The new version.
    facts
        Summary of its content; see `hub.datasets.card.summarise`.
    failures
        Why trajectories ended early, by their number.
    """

    version: LocalVersion
    facts: dict[str, Any]
    failures: dict[int, str]


def run_recipe(
    recipe: Recipe,
    name: str,
    version: str = "1.0.0",
    *,
    labels: str = "",
    onto: str = "",
    to: str = LOCAL,
    pool: Pool | None = None,
    resume: bool = False,
    description: Description | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> Synthesized:
    """Make structures by melting, quenching and annealing, and publish them as a dataset.

    Each frame has the columns ``time`` (ps), ``density`` (g/cm³), ``anneal_T`` (K), ``run_id``
    and ``temperature`` (instantaneous, in K), and energy and forces of the teacher, minus the
    energies of its isolated atoms.

    Parameters
    ----------
    recipe
        The recipe.
    name, version
        Name and version of the dataset; they cannot be changed later.
    labels
        Name of the label set; the teacher's by default.
    onto
        A dataset that this one extends; trajectories are numbered after its own.
    to
        Registry to publish to: a name or a directory; this machine's own by default.
    pool
        Where the trajectories run; a process for each core by default.
    resume
        Resume an interrupted synthesis.
    description
        Text and licence.
    progress
        Called with the number of frames done, and their total.
    report
        Called with a line for each trajectory that blew up.

    Raises
    ------
    SynthesisError
        If the recipe is invalid, or all trajectories blew up.
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
    recipe.check()
    labels = check_label_name(labels or label_name(recipe.teacher.family))
    names = catalogue()
    check_free(names, name, version, to)
    base = open_base(onto) if onto else None
    plans = spread(recipe, next_run_id(base) if base else 0)
    # Trajectories may have taken days: keep them outside the folder that is cleaned of leftovers.
    place = names.local.root / "synthesis" / f"{name}-{version}"
    what = f"the trajectories of {name}@{version}"
    unfinished = Unfinished(place, what, _BEGUN, TRAJECTORIES.pattern)
    with unfinished.held(names.local):
        with pool or LocalPool() as workers:
            begun = _begin(unfinished, recipe, labels, onto, workers, resume=resume)
            if base and labels in base.label_sets:
                _refuse_another_teacher(base.label_sets[labels], labels, begun["provenance"])
            campaign = Campaign(place, recipe, plans, workers, progress, report)
            campaign.run()
        failures = campaign.failures()
        imported = import_dataset(
            frames_source(campaign.paths(), begun),
            name,
            version,
            labels=labels,
            onto=onto,
            to=to,
            resume=True,
            description=_describe(description or Description(), recipe, begun, campaign),
        )
        unfinished.retire(names.local)
    return Synthesized(imported.version, imported.facts, failures)


def describe_atoms(pool: Pool, teacher: TeacherSpec, formula: str) -> Described:
    """Return the description of a teacher with the energies of the isolated atoms of a formula.

    Raises
    ------
    SynthesisError
        If it gives none for one of them.
    TeacherError
        If it cannot be opened.
    """
    described = ask_teacher(pool, teacher, list(counts_of(formula)))
    for symbol, reason in described.failures.items():
        raise SynthesisError(
            f"the teacher gives no energy of an isolated {symbol} atom: {reason}",
            "Choose a teacher that covers the elements: `hub teachers` lists them.",
        )
    return described


def label_name(teacher: str) -> str:
    """Return the default name of a label set: ``lcbop``, or ``emt`` for ``ase:ase...EMT``."""
    family, _, argument = teacher.partition(":")
    return re.split("[.:]", argument)[-1].lower() if family == "ase" else family


def _refuse_another_teacher(known: LabelSet, labels: str, provenance: dict[str, Any]) -> None:
    """Refuse to add labels to those of a different teacher."""
    decisive = ("teacher", "parameters_digest", "source")
    if any(getattr(known, name) != provenance[name] for name in decisive):
        raise SynthesisError(
            f"the dataset's label set '{labels}' is from a different teacher, {known.teacher}",
            "Give the new labels a different name: --labels NAME.",
        )


def _begin(
    unfinished: Unfinished, recipe: Recipe, labels: str, onto: str, pool: Pool, *, resume: bool
) -> _Begun:
    """Record the settings and the teacher, or compare them with those of an unfinished run."""
    described = describe_atoms(pool, recipe.teacher, recipe.formula)
    now: _Begun = {
        "recipe": _settings(recipe, described.provenance["teacher"]),
        "labels": labels,
        "onto": onto,
        "provenance": described.provenance,
        "isolated_atoms": described.isolated_atoms,
        "date": today(),
    }
    if any(entries(unfinished.folder, TRAJECTORIES)):
        begun = unfinished.begun(_Begun, resume=resume)
        if begun is not None:
            unfinished.require_same(begun, {**now, "date": begun["date"]})
            return begun
    unfinished.begin(now)
    return now


def _settings(recipe: Recipe, teacher: str) -> dict[str, Any]:
    """Return the recipe without what belongs to this machine: interpreter and path of a teacher."""
    settings = asdict(recipe)
    del settings["teacher"]["python"]
    settings["teacher"]["family"] = teacher
    return settings


def _describe(given: Description, recipe: Recipe, begun: _Begun, campaign: Campaign) -> Description:
    """Describe how the structures were made: in one line, and in full for the manifest."""
    isolated = begun["isolated_atoms"]
    labels = LabelSet(
        **begun["provenance"],
        reference_energies=dict.fromkeys(isolated, 0.0),
        subtracted_energies=isolated,
        date=begun["date"],
    )
    least, greatest = recipe.density
    text = (
        f"{recipe.formula} at {least:g} to {greatest:g} g/cm³, melted, quenched and annealed by "
        f"{begun['provenance']['teacher']} in {recipe.trajectories} trajectories"
    )
    if begun["onto"]:
        text = f"{text}; added to {begun['onto']}"
    made = {
        "method": "melt, quench, anneal",
        **begun["recipe"],
        "teacher": {**begun["recipe"]["teacher"], **begun["provenance"]},
        "start": f"random, no nearer than {NEAREST_AT_START} of the covalent distance, relaxed",
        "thermostat": {"kind": "Langevin", "damping": DAMPING},
        "ensemble": "NVT",
        "units": {"times": "ps", "timestep": "fs", "temperatures": "K", "densities": "g/cm^3"},
        "runs": campaign.runs(),
    }
    return replace(given, text=given.text or text, labels=labels, made=(made,))
