"""``hub relabel``: give a dataset the labels of a teacher."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.pool_options import chosen_pool, pool_options
from hub.cli.progress import progress_bar
from hub.cli.teacher_options import chosen_teacher, teacher_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.teachers.relabelling import Relabelled
    from hub.teachers.verifying import Verification

_SHOWN = 10


@click.command(name="relabel", short_help="Give a dataset the labels of a teacher.")
@click.argument("dataset", shell_complete=complete_names)
@teacher_options
@click.option("--labels", required=True, metavar="NAME", help="Of the new label set.")
@click.option("--name", default="", help="Of the result, if it is not the dataset's own.")
@click.option(
    "--version", default="", help="Of the result.  [default: the dataset's next minor version]"
)
@click.option("--to", metavar="REGISTRY", help="A registry's name, or ./directory.")
@pool_options("Processes.  [default: one for each core]")
@click.option(
    "--verify",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compute N labels again before publishing; of a label set that exists, do only that.",
)
@click.option("--resume", is_flag=True, help="Go on after a relabelling that was interrupted.")
@json_option
def command(
    dataset: str,
    teacher: str,
    params: str | None,
    arguments: dict[str, Any] | None,
    labels: str,
    name: str,
    version: str,
    to: str | None,
    jobs: int | None,
    verify: int | None,
    resume: bool,
    dask: str | None,
    slurm: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Label every structure of DATASET, and print the reference of the version that has the labels.

    Stresses are computed where the teacher gives them and the structure repeats in all three
    directions. The energies of the teacher's isolated atoms are subtracted. Structures that
    cannot be labelled are named and have no labels. Killed at any moment, it goes on with
    --resume.
    """
    from hub.teachers.relabelling import relabel
    from hub.teachers.verifying import verify_labels
    from registry.origins import LOCAL

    spec = chosen_teacher(teacher, params, arguments)
    if verify and _has_labels(dataset, labels):
        with progress_bar("structures") as progress:
            pool = chosen_pool(jobs, dask, slurm)
            verification = verify_labels(
                dataset, spec, labels, verify, pool=pool, progress=progress
            )
        _print_verification(verification, as_json=as_json)
        return
    with progress_bar("structures") as progress, _resumable():
        done = relabel(
            dataset,
            spec,
            labels,
            name=name,
            version=version,
            to=to or LOCAL,
            pool=chosen_pool(jobs, dask, slurm),
            resume=resume,
            verify=verify or 0,
            progress=progress,
            report=_Failures(),
        )
    _print(done, labels, as_json=as_json)


@contextmanager
def _resumable() -> Iterator[None]:
    """Say what Ctrl-C leaves."""
    try:
        yield
    except KeyboardInterrupt:
        output.message("what is labelled so far is kept: go on with --resume")
        raise


class _Failures:
    """Shows the first structures that cannot be labelled."""

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
    output.message(f"{n_structures - n_failures:,} of {n_structures:,} structures are labelled")
    if n_failures:
        output.message(f"{n_failures:,} could not be labelled: they have NaN")
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
        f"{verification.n_structures} computed again: energies differ by at most "
        f"{verification.energy:.1e} eV/atom, forces by {verification.force:.1e} eV/Å, "
        f"stresses by {verification.stress:.1e} eV/Å^3"
    )


def _json(verification: Verification) -> dict[str, float]:
    from dataclasses import asdict

    return asdict(verification)
