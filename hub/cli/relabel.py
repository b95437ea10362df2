"""``hub relabel``: label a dataset with a teacher."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import (
    complete_names,
    json_option,
    to_option,
)
from hub.cli.pool_options import pool_options
from hub.cli.progress import progress_bar
from hub.cli.teacher_options import teacher_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.teachers.relabelling import Relabelled
    from hub.teachers.verifying import Verification

_SHOWN = 10
_OF_TEACHER = ("teacher", "params", "arguments", "python", "jobs", "dask", "slurm")


@click.command(name="relabel")
@click.argument("dataset", shell_complete=complete_names)
@teacher_options
@click.option("--labels", required=True, metavar="NAME", help="Name of the new label set.")
@click.option(
    "--name", default="", show_default="the dataset's own", help="Name of the new version."
)
@click.option(
    "--version",
    default="",
    metavar="VERSION",
    show_default="the dataset's next minor version",
    help="MAJOR.MINOR.PATCH.",
)
@to_option
@pool_options("Number of processes.", "one for each core")
@click.option(
    "--verify",
    type=click.IntRange(min=1),
    metavar="N",
    help="Recompute N labels to verify them before publishing; for an existing label set, do only "
    "this.",
)
@click.option("--resume", is_flag=True, help="Resume an interrupted relabelling.")
@json_option
def command(dataset: str, labels: str, verify: int | None, as_json: bool, **given: Any) -> None:
    """Label every structure of DATASET, and print the reference of the new version.

    Stresses are computed if the teacher provides them and the structure is periodic in all three
    directions. The energies of the teacher's isolated atoms are subtracted. Structures that cannot
    be labelled are listed and get no labels. If killed, add --resume to the same command.
    """
    from hub.teachers.relabelling import relabel
    from hub.teachers.verifying import verify_labels

    if verify and _has_labels(dataset, labels):
        where = {name: given[name] for name in _OF_TEACHER}
        with progress_bar("structures") as progress:
            verification = verify_labels(
                dataset, labels=labels, n_structures=verify, progress=progress, **where
            )
        _print_verification(verification, as_json=as_json)
        return
    with progress_bar("structures") as progress, _resumable():
        done = relabel(
            dataset,
            labels=labels,
            verify=verify,
            progress=progress,
            report=_Failures(),
            **given,
        )
    _print(done, labels, as_json=as_json)


@contextmanager
def _resumable() -> Iterator[None]:
    """Print how to resume after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        output.message("interrupted; the labels computed so far are kept: resume with --resume")
        raise


class _Failures:
    """Print the first structures that cannot be labelled."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> None:
        self.count += 1
        if self.count <= _SHOWN:
            output.message(text)
        elif self.count == _SHOWN + 1:
            output.message("...")


def _has_labels(dataset: str, labels: str) -> bool:
    from hub.datasets.loading import open_dataset

    return labels in open_dataset(dataset, "").label_sets


def _print(done: Relabelled, labels: str, *, as_json: bool) -> None:
    reference = str(done.version.reference)
    if as_json:
        output.result_json(
            {
                "reference": reference,
                "digest": done.version.digest,
                "structures": done.facts["structures"],
                "labels": done.facts["label_sets"][labels],
                "failures": done.failures,
                "verification": _json(done.verification) if done.verification else None,
            }
        )
        return
    n_structures, n_failures = done.facts["structures"], len(done.failures)
    output.message(f"{n_structures - n_failures:,} of {n_structures:,} structures labelled")
    if n_failures:
        output.message(f"{n_failures:,} could not be labelled; their labels are NaN")
    if done.verification:
        output.message(_sentence(done.verification))
    output.result(reference)


def _print_verification(verification: Verification, *, as_json: bool) -> None:
    if as_json:
        output.result_json(_json(verification))
    else:
        output.result(_sentence(verification))


def _sentence(verification: Verification) -> str:
    return (
        f"{verification.n_structures} recomputed: energies differ by at most "
        f"{verification.energy:.1e} eV/atom, forces by {verification.force:.1e} eV/Å, "
        f"stresses by {verification.stress:.1e} eV/Å^3"
    )


def _json(verification: Verification) -> dict[str, float]:
    from dataclasses import asdict

    return asdict(verification)
