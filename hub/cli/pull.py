"""``hub pull``: download a version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import (
    complete_names,
    json_option,
    sample_option,
    sample_seed_option,
)
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.library import Pulled


@click.command(name="pull")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write your own copy to this new or empty directory.",
)
@click.option("--update", is_flag=True, help="Ask the registries even if it is on this machine.")
@click.option(
    "--accept",
    is_flag=True,
    help="Accept content that differs from what this machine has seen under this version.",
)
@click.option("--labels", metavar="NAMES", help="Only these label sets, e.g. ace,lcbop.")
@click.option(
    "--where",
    metavar="CONDITION",
    help="Only these structures of a dataset, e.g. 'density >= 2.0 and time >= 10'.",
)
@sample_option
@sample_seed_option
@json_option
def command(
    name: str,
    out: Path | None,
    update: bool,
    accept: bool,
    labels: str | None,
    where: str | None,
    sample: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Download NAME, verify it, and print the directory of its files.

    NAME is name, name@1.2.0, name@1, name@sha256:3f2a91b0c4d7 or registry/name. Versions already on
    this machine need no network. With --labels, --where and --sample, only the files of a dataset
    that contain the selection are downloaded.
    """
    from hub.pulling import pull_version

    with progress_bar(f"pulling {name}", in_bytes=True) as progress:
        pulled = pull_version(
            name,
            out,
            update=update,
            accept=accept,
            labels=labels.split(",") if labels is not None else None,
            where=where,
            sample=sample,
            seed=seed,
            progress=progress,
        )
    version = pulled.version
    output.message(f"{version.reference} ({version.digest[:12]})")
    if "-NC" in version.manifest.licence.upper():
        output.message(f"licence {version.manifest.licence}: not for commercial use")
    if pulled.moved is not None:
        output.message(_account(pulled))
    if as_json:
        output.result_json(_report(pulled))
    else:
        output.result(str(version.path))


def _account(pulled: Pulled) -> str:
    moved, saved = output.human_size(pulled.moved or 0), output.human_size(pulled.saved or 0)
    chosen = "" if pulled.chosen is None else f"{pulled.chosen:,} structures; "
    return f"{chosen}{moved} transferred, {saved} not needed"


def _report(pulled: Pulled) -> dict[str, object]:
    version = pulled.version
    report: dict[str, object] = {
        "reference": str(version.reference),
        "digest": version.digest,
        "kind": version.manifest.kind,
        "path": str(version.path),
    }
    if pulled.moved is not None:
        report |= {"moved": pulled.moved, "saved": pulled.saved, "chosen": pulled.chosen}
    return report
