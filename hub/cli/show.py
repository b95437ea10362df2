"""``hub show``: show one model or dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.dataset_output import print_facts, print_survey
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.showing import Shown

_SHOWN_SOURCES = 3
_SHOWN_ELEMENTS = 10


@click.command(name="show")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--cite", is_flag=True, help="Print only BibTeX, for it and everything it was made from."
)
@click.option(
    "--lineage",
    is_flag=True,
    help="Print only what it was made from, with the command that repeats each step.",
)
@click.option(
    "--plot",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Plot radial distribution, bond angles, coordination and labels of a dataset.",
)
@click.option("--where", metavar="CONDITION", help="Structures to plot, e.g. 'density >= 2.0'.")
@click.option(
    "--sample",
    metavar="N",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Number of structures to plot (random subset).",
)
@json_option
def command(
    name: str,
    cite: bool,
    lineage: bool,
    plot: Path | None,
    where: str | None,
    sample: int,
    as_json: bool,
) -> None:
    """Show the card of NAME, its files with their digests, licence, citation and parents.

    With --cite and --lineage, NAME may also be a run folder, or the directory of a model or
    dataset. Only what manifests, cards and run folders record is printed: sources without a
    citation are named on stderr, and anything not recorded about a step is listed.

    --plot pulls the needed part of a dataset, then plots and summarises the local environments of
    its atoms. Two atoms count as bonded if they are closer than 1.3 times the sum of their covalent
    radii. A dataset of one element with several densities is grouped by density.
    """
    if cite and lineage:
        raise click.UsageError("Give --cite or --lineage, not both.")
    if (cite or lineage) and plot:
        raise click.UsageError("Leave out --plot with --cite or --lineage.")
    if cite or lineage:
        _print_history(name, cite=cite, as_json=as_json)
        return
    shown = _show(name, plot, where, sample)
    if as_json:
        output.result_json(_report(shown))
        return
    _print(shown)
    if shown.survey:
        print_survey(shown.survey)
        output.message(f"plot: {plot}")


def _show(name: str, plot: Path | None, where: str | None, sample: int) -> Shown:
    from hub.showing import show

    if plot is None:
        return show(name)
    with (
        progress_bar(f"pulling {name}", in_bytes=True) as pulling,
        progress_bar("analysing") as progress,
    ):
        return show(name, plot=plot, where=where, sample=sample, pulling=pulling, progress=progress)


def _print_history(name: str, *, cite: bool, as_json: bool) -> None:
    from hub.cli.history_output import lineage_report, print_citations, print_lineage

    if cite:
        from hub.history.citations import cite as cited

        print_citations(cited(name), as_json=as_json)
        return
    from hub.history.tracer import lineage

    step = lineage(name)
    if as_json:
        output.result_json(lineage_report(step))
    else:
        print_lineage(step)


def _report(shown: Shown) -> dict[str, Any]:
    from msgspec.structs import asdict

    is_model = shown.kind == "model"
    model = {
        "elements": shown.elements,
        "architecture": shown.architecture,
        "level_of_theory": shown.level_of_theory,
    }
    return {
        "reference": shown.reference,
        "kind": shown.kind,
        "description": shown.description,
        "digest": shown.digest,
        "licence": shown.licence,
        "files": [asdict(entry) for entry in shown.files],
        "parents": [asdict(parent) for parent in shown.parents],
        "metadata": shown.metadata,
        **(model if is_model else {}),
        "licence_note": shown.licence_note,
        "citation": shown.citation,
        **({"survey": shown.survey.to_json()} if shown.survey else {}),
        "card": shown.card,
    }


def _print(shown: Shown) -> None:
    output.result(f"{shown.reference}  ({shown.kind})")
    output.result(shown.description)
    note = f" ({shown.licence_note})" if shown.licence_note else ""
    output.result(f"\nlicence  {shown.licence or 'none stated'}{note}")
    if shown.architecture:
        output.result(f"model    {shown.architecture}, {_elements(shown.elements)}")
    if shown.level_of_theory:
        output.result(f"level    {shown.level_of_theory}")
    if shown.digest:
        output.result(f"digest   sha256:{shown.digest}")
    else:
        _print_sources(shown.metadata)
        output.result("         not on this machine yet: `hub pull` downloads and imports it")
    for parent in shown.parents:
        output.result(
            f"parent   {parent.name}@{parent.version} sha256:{parent.digest[:16]}"
            f"  {parent.relation}".rstrip()
        )
    if "dataset" in shown.metadata:
        print_facts(shown.metadata["dataset"], shown.files)
    elif shown.files:
        output.result("")
        output.result_table(
            ["FILE", "SIZE", "SHA256"],
            [[f.path, output.human_size(f.size), f.sha256] for f in shown.files],
        )
    if shown.text.strip():
        output.result(f"\n{shown.text.strip()}")
    if shown.citation:
        output.result(f"\nCite as\n\n{shown.citation}")


def _elements(elements: tuple[str, ...]) -> str:
    if len(elements) <= _SHOWN_ELEMENTS:
        return ", ".join(elements)
    return f"{len(elements)} elements: {', '.join(elements)}"


def _print_sources(metadata: dict[str, Any]) -> None:
    sources = metadata.get("sources") or [metadata["source"]]
    for source in sources[:_SHOWN_SOURCES]:
        output.result(f"source   {source.get('url') or _in_package(source)}")
        known = [output.human_size(source["size"])] if "size" in source else []
        known += [f"{key}:{source[key]}" for key in ("sha256", "git_blob") if key in source]
        output.result(f"         {', '.join(known) or 'checksum unknown'}")
    if len(sources) > _SHOWN_SOURCES:
        output.result(f"         and {len(sources) - _SHOWN_SOURCES} more files: see --json")


def _in_package(source: dict[str, Any]) -> str:
    return f"{source['path']} in the Python package {source['package']}"
