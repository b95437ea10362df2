"""Write a model or dataset as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hub.errors import DataError
from hub.library import open_model
from hub.potentials.architectures import model_formats

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.datasets.dataset import Dataset
    from hub.datasets.selection import Choice
    from registry.download import Progress

# The formats of datasets, with the endings of the files.
DATASET_FORMATS = {"extxyz": ".extxyz", "lmdb": ".lmdb", "datasets": ""}


def formats() -> list[str]:
    """Return all formats: those of models, then those of datasets."""
    return [*model_formats(), *DATASET_FORMATS]


def export(
    name: str,
    *,
    format: str,  # noqa: A002 - the option's name
    out: str | Path | None = None,
    to: str | None = None,
    private: bool = False,
    dtype: Literal["float64", "float32"] = "float64",
    member: int | None = None,
    labels: str | None = None,
    where: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    force: bool = False,
    pulling: Progress | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    sending: Progress | None = None,
    report: Callable[[str], None] | None = None,
) -> Path | str:
    """Write a model or dataset as a file for other programs, and return its path.

    Parameters
    ----------
    name
        A reference, or a directory (also a run folder).
    format
        ``nequip-package`` (a NequIP model), or the format of another package; ``extxyz``, ``lmdb``
        or ``datasets`` (a dataset).
    out
        The new file, a directory for ``datasets``; `name` with the usual ending by default.
    to
        Of format ``datasets``: ``hf://datasets/org/name``, to publish Parquet files on the Hugging
        Face Hub instead of writing a directory; its web page is returned.
    private
        Make a new repository on the Hub private.
    dtype
        Precision that the model's file computes in.
    member
        Number of the member of a committee to write, from 0.
    labels
        Label set of the dataset; the only one by default.
    where
        A condition on the structures of the dataset, such as ``density >= 2.0``.
    sample
        Number of structures of the dataset (random subset).
    seed
        Random seed of `sample`.
    force
        Replace an export that exists.
    pulling
        Called with the bytes received so far and in total.
    progress
        Called with the structures written so far.
    sending
        Called with the bytes sent so far and in total, with `to`.
    report
        Called with what a person should know about the dataset.

    Raises
    ------
    DataError
        If there is no such format, or no such label set or column.
    ModelError
        If the model has no such format, or the file does not reproduce its stored predictions.
    ExistsError
        If the file or another export exists.
    RegistryError
        As `hub.pull` does; as `hub.publish` does, with `to`.
    """
    if format not in formats():
        raise DataError(f"unknown format '{format}'", f"Use one of: {', '.join(formats())}.")
    if to is not None and (format != "datasets" or out is not None):
        raise DataError(
            "--to publishes a dataset in the format datasets, and takes no --out",
            "Use it as: hub export NAME --format datasets --to hf://datasets/org/name",
        )
    if private and to is None:
        raise DataError("--private is for a repository on the Hub", "Give one with --to.")
    target = Path(out) if out is not None else None
    if format not in DATASET_FORMATS:
        return _export_model(name, format, target, dtype, pulling, member=member, force=force)
    from hub.datasets.selection import Choice

    if to is not None:
        choice = Choice(where, sample, seed)
        return _export_to_hub(
            name,
            labels,
            choice,
            to,
            pulling,
            progress,
            sending,
            report,
            private=private,
            force=force,
        )
    target = target or Path(f"{_plain(name)}{DATASET_FORMATS[format]}")
    choice = Choice(where, sample, seed)
    _export_dataset(name, labels, choice, target, format, pulling, progress, report, force=force)
    return target


def _export_model(
    model: str,
    target_format: str,
    out: Path | None,
    dtype: str,
    pulling: Progress | None,
    *,
    member: int | None,
    force: bool,
) -> Path:
    import torch

    from hub.potentials.exporting import export_model

    opened = open_model(model, pulling)
    name = opened.version.manifest.name if opened.version else Path(model).resolve().name
    number = getattr(torch, dtype)
    return export_model(
        opened.path, name, target_format, out, dtype=number, member=member, force=force
    )


def _export_to_hub(
    name: str,
    labels: str | None,
    choice: Choice,
    to: str,
    pulling: Progress | None,
    progress: Callable[[int, int | None], None] | None,
    sending: Progress | None,
    report: Callable[[str], None] | None,
    *,
    private: bool,
    force: bool,
) -> str:
    from hub.huggingface.parquet import About, export_to_hub
    from hub.settings import load_settings

    dataset = _opened(name, labels, choice, pulling, report)
    settings = load_settings()
    about = About(
        dataset.name,
        dataset.labels_name(labels),
        *_facts(name, f"{dataset.n_structures:,} structures"),
    )
    return export_to_hub(
        dataset.pieces(labels, choice),
        to,
        about,
        settings.cache / "parts",
        offline=settings.offline,
        private=private,
        force=force,
        progress=progress,
        sending=sending,
    )


def _facts(name: str, otherwise: str) -> tuple[str, str, str]:
    """Return the description, licence and citation of a dataset, as far as it states them."""
    from hub.showing import show
    from registry.paths import user_path

    if user_path(name).is_dir():
        return otherwise, "", ""
    shown = show(name)
    return shown.description or otherwise, shown.licence, shown.citation


def _opened(
    name: str,
    labels: str | None,
    choice: Choice,
    pulling: Progress | None,
    report: Callable[[str], None] | None,
) -> Dataset:
    """Open a dataset, and report what a person should know about it."""
    from hub.datasets.loading import open_dataset

    dataset = open_dataset(name, labels, choice if choice.is_any else None, pulling)
    if report:
        for note in dataset.notes:
            report(note)
    return dataset


def _export_dataset(
    name: str,
    labels: str | None,
    choice: Choice,
    out: Path,
    target_format: str,
    pulling: Progress | None,
    progress: Callable[[int, int | None], None] | None,
    report: Callable[[str], None] | None,
    *,
    force: bool,
) -> None:
    from hub.datasets.exporting import export_structures

    dataset = _opened(name, labels, choice, pulling, report)
    pieces = dataset.pieces(labels, choice)
    export_structures(pieces, out, target_format, force=force, progress=progress)


def _plain(name: str) -> str:
    """Return the name in a reference, or of a directory."""
    place = Path(name)
    return place.resolve().name if place.is_dir() else place.name.partition("@")[0]
