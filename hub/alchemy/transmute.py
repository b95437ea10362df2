"""Transfer models and datasets to other elements, as a new version or in a directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from hub.alchemy.datasets import PAPER_WARNING, transmute_dataset
from hub.alchemy.lengths import scale_between
from hub.alchemy.model_directory import write_transmuted
from hub.alchemy.search import Request, search_transmutation
from hub.alchemy.search_table import search_lines
from hub.alchemy.transmutation import Transmutation, pair_elements
from hub.counting import not_counting
from hub.datasets.dataset import Dataset
from hub.datasets.layout import is_dataset
from hub.errors import AlchemyError
from hub.library import catalogue, open_model, open_version
from hub.potentials.architectures import read_config
from hub.potentials.loading import load_model
from hub.publishing import publish
from hub.structures import read_structures
from registry.files import scratch_directory
from registry.origins import LOCAL
from registry.paths import texts, user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hub.alchemy.search import Search
    from hub.counting import Counting
    from hub.library import OpenedVersion
    from registry.versions import LocalVersion


@dataclass(frozen=True)
class Transmuted:
    """A model or dataset that was transferred to other elements.

    Attributes
    ----------
    transmutation
        Elements and scales.
    version
        The new version; None if a directory was written.
    directory
        The new model directory; None if a version was published.
    cutoff
        Cutoff of the new model, in Å; None for a dataset.
    facts
        Summary of the new dataset; see `hub.datasets.card.summarise`. Empty for a model.
    search
        The search for the scales, if there was one.
    """

    transmutation: Transmutation
    version: LocalVersion | None = None
    directory: Path | None = None
    cutoff: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    search: Search | None = None


@dataclass(frozen=True)
class _Target:
    """Destination of the result: a version of a name, or a directory."""

    name: str | None
    version: str
    to: str
    licence: str | None
    out: Path | None


def transmute(
    source: str | Path,
    *,
    element: str | None = None,
    element_map: str = "",
    scale: float | None = None,
    energy_scale: float | None = None,
    data: str | Path | Iterable[str | Path] = (),
    forces: Literal["consistent", "paper"] = "consistent",
    name: str | None = None,
    version: str = "1.0.0",
    to: str | None = None,
    license: str | None = None,  # noqa: A002 - the option's name
    out: str | Path | None = None,
    resume: bool = False,
    energy_key: str | None = None,
    forces_key: str | None = None,
    device: str = "auto",
    counting: Counting = not_counting,
    report: Callable[[str], None] = lambda _: None,
) -> Transmuted:
    """Transfer a model or dataset to other elements: scale lengths and energies, without training.

    E'(x') = eps E(x'/s), exactly; energies, forces and stresses of a new model are checked.

    Parameters
    ----------
    source
        A model or dataset: a reference or a directory.
    element
        The new element, or several with commas between them.
    element_map
        Element mapping, such as ``C=Si,H=F``; not needed for one element.
    scale
        New length / old length; from the elements' crystals if None, or found with `data`.
    energy_scale
        New energy / old energy; 1 if None, or found with `data`.
    data
        Files of labelled structures of the new elements, to find the scales of a model.
    forces
        For a dataset: ``consistent``, or ``paper`` to scale forces like energies, as published;
        they are then inconsistent.
    name, version
        Name and version of the result; they cannot be changed later. A model may be written to
        `out` instead.
    to
        Registry to publish to: a name or a directory; this machine's own if None.
    license
        Replaces that of the source.
    out
        A new or empty directory for a model.
    resume
        Resume a dataset that was interrupted.
    energy_key, forces_key
        Names of the labels in `data` (eV, eV/Å); found if None.
    device
        Device for finding the scales: ``auto``, ``cpu``, ``cuda`` ...
    counting
        Called with the name of each task, such as ``structures``; the returned function is called
        with the amount done and the total.
    report
        Called with each line for the user.

    Raises
    ------
    AlchemyError
        If the new elements are missing or ambiguous, or options do not apply to the source.
    DataError
        If `data` cannot be read.
    ModelError
        If the model does not reproduce its stored predictions, or the new one does not give the
        scaled predictions.
    ExistsError
        If the version already exists, or `out` is not empty.
    RegistryError
        If the source cannot be pulled, or the result cannot be published.
    StorageError
        If the disk is full or cannot be written; `resume` resumes a dataset.
    """
    if not (element or element_map):
        raise AlchemyError(
            "no new element given",
            "Give --element ELEMENT, or --element-map OLD=NEW,...",
        )
    if bool(name) == bool(out):
        raise AlchemyError(
            "give either --name or --out for the result",
            "Name the new version with --name, or a directory with --out.",
        )
    place = user_path(out) if out else None
    target = _Target(name, version, to or LOCAL, license, place)
    asked = Request(scale, energy_scale, element_map)
    new = tuple(element.split(",")) if element else ()
    files = texts(data)
    opened = open_version(source, counting("pulling"))
    if is_dataset(opened.path):
        if files or place:
            raise AlchemyError(
                f"{source} is a dataset: --out and --data are only for models",
                "Use --name instead of --out, and --scale instead of --data.",
            )
        return _dataset(opened, asked, new, target, forces, resume, counting, report)
    if forces == "paper" or resume:
        raise AlchemyError(f"{source} is a model", "--forces and --resume are only for datasets.")
    opened = open_model(source)
    if not files:
        chosen = _transmutation(read_config(opened.path).type_names, asked, new, report)
        return _model(opened, chosen, None, target, report)
    with_labels = read_structures(files, energy_key, forces_key, counting("reading")).structures
    if new and set(new) != set(with_labels.elements):
        raise AlchemyError(
            f"the data contain {', '.join(with_labels.elements)}, but --element is {element}",
            "Give data of the new elements.",
        )
    potential = load_model(opened.path, device=device, dtype="float32")
    search = search_transmutation(potential, with_labels, asked, counting("scales"))
    for line in search_lines(search):
        report(line)
    return _model(opened, search.chosen.transmutation, search, target, report)


def _dataset(
    opened: OpenedVersion,
    asked: Request,
    new: tuple[str, ...],
    target: _Target,
    forces: str,
    resume: bool,
    counting: Counting,
    report: Callable[[str], None],
) -> Transmuted:
    chosen = _transmutation(Dataset(opened.path).elements, asked, new, report)
    report(f"making:  {chosen}")
    paper = forces == "paper"
    if paper:
        report(f"warning: {PAPER_WARNING}")
    version, facts = transmute_dataset(
        opened,
        chosen,
        str(target.name),
        target.version,
        paper_forces=paper,
        to=target.to,
        licence=target.licence or "",
        resume=resume,
        progress=counting("structures"),
    )
    numbers = [name for name, column in facts["columns"].items() if "range" in column]
    kept = ", ".join([*numbers, *facts["atom_columns"]])
    if kept:
        report(f"note:    these columns are not scaled: {kept}")
    return Transmuted(chosen, version, facts=facts)


def _model(
    opened: OpenedVersion,
    chosen: Transmutation,
    search: Search | None,
    target: _Target,
    report: Callable[[str], None],
) -> Transmuted:
    report(f"making:  {chosen}")
    version = None
    if target.out:
        made = write_transmuted(opened, chosen, target.out, search)
    else:
        with scratch_directory(catalogue().local.files.parts) as scratch:
            made = write_transmuted(opened, chosen, scratch / "model", search)
            version = publish(
                scratch / "model",
                str(target.name),
                target.version,
                to=target.to,
                license=target.licence,
            )
    report(f"cutoff:  {read_config(opened.path).r_max:g} Å becomes {made.r_max:g} Å")
    report("checked: energies, forces and stresses match the scaled ones of the old model")
    return Transmuted(chosen, version, target.out, made.r_max, search=search)


def _transmutation(
    old: tuple[str, ...], asked: Request, new: tuple[str, ...], report: Callable[[str], None]
) -> Transmutation:
    """Return the requested transmutation, with defaults for missing scales."""
    pairs = pair_elements(old, new, asked.pairs)
    scale = asked.scale
    if scale is None:
        scale = scale_between(pairs)
        report("note:    the length scale is taken from the elements' crystals")
    if asked.energy_scale is None:
        report("note:    no energy scale given: 1 is used")
    return Transmutation(pairs, scale, asked.energy_scale or 1.0)
