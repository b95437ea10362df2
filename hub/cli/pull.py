"""``hub pull``: get a version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.progress import progress_bar


@click.command(name="pull", short_help="Get a model or dataset.")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put a copy of your own into this new or empty directory.",
)
@click.option("--update", is_flag=True, help="Ask the registries even if it is on this machine.")
@click.option(
    "--accept",
    is_flag=True,
    help="Take other content than was seen under this version before.",
)
@click.option("--labels", metavar="NAMES", help="Of a dataset, these label sets only: ace,lcbop.")
@click.option(
    "--where",
    metavar="CONDITION",
    help="Of a dataset, structures that fit: 'density >= 2.0 and time >= 10'.",
)
@click.option("--sample", metavar="N", type=int, help="Of a dataset, N structures at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
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
    """Get NAME, verify it, and print the directory that its files are in.

    NAME may be name, name@1.2.0, name@1, name@sha256:3f2a91b0c4d7 or registry/name. What is on this
    machine needs no network. Of a dataset, --labels, --where and --sample get only the files that
    hold what is asked for.
    """
    from hub.library import catalogue
    from registry.references import Reference

    reference = Reference.parse(name)
    partly = labels is not None or where is not None or sample is not None
    facts: dict[str, Any] = {}
    with progress_bar(f"pulling {reference.name}", in_bytes=True) as progress:
        if partly:
            from hub.datasets.pulling import pull_dataset
            from hub.datasets.selection import Choice

            choice = Choice(where, sample, seed)
            pulled = pull_dataset(
                name,
                labels=labels.split(",") if labels is not None else None,
                choice=choice if choice.is_any else None,
                to=out,
                update=update,
                accept=accept,
                progress=progress,
            )
            version = pulled.version
            facts = {"moved": pulled.moved, "saved": pulled.saved, "chosen": pulled.chosen}
        else:
            version = catalogue().pull(
                reference, to=out, update=update, accept=accept, progress=progress
            )
    output.message(f"{version.reference} ({version.digest[:12]})")
    if "-NC" in version.manifest.licence.upper():
        output.message(f"licence {version.manifest.licence}: not for commercial use")
    if partly:
        output.message(_account(facts))
    if as_json:
        output.result_json(
            {
                "reference": str(version.reference),
                "digest": version.digest,
                "kind": version.manifest.kind,
                "path": str(version.path),
                **facts,
            }
        )
    else:
        output.result(str(version.path))


def _account(facts: dict[str, Any]) -> str:
    moved, saved = output.human_size(facts["moved"]), output.human_size(facts["saved"])
    chosen = "" if facts["chosen"] is None else f"{facts['chosen']:,} structures; "
    return f"{chosen}{moved} moved, {saved} not needed"
