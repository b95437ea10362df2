"""``hub show``: everything about one name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option
from hub.cli.dataset_output import print_facts, print_survey
from hub.cli.progress import progress_bar

if TYPE_CHECKING:
    from hub.datasets.survey import Survey
    from registry.cards import Card
    from registry.versions import Version

_SHOWN_SOURCES = 3
_SHOWN_ELEMENTS = 10


@click.command(name="show", short_help="Show card, files, licence, citation and parents.")
@click.argument("name", shell_complete=complete_names)
@click.option(
    "--plot",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw radial distribution, bond angles, coordination and labels of a dataset.",
)
@click.option("--where", metavar="CONDITION", help="Structures that --plot may look at.")
@click.option(
    "--sample",
    metavar="N",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="How many structures, drawn at random, --plot looks at.",
)
@json_option
def command(name: str, plot: Path | None, where: str | None, sample: int, as_json: bool) -> None:
    """Show the card of NAME, its files with their digests, licence, citation and parents.

    With --plot what is needed of a dataset is pulled, and the surroundings of its atoms are drawn
    and summed up. Two atoms count as bonded if they are nearer than 1.3 times the sum of their
    covalent radii. Where a dataset of one element has several densities, it is divided by them.
    """
    from dataclasses import asdict

    from hub.facts import facts_of
    from hub.library import catalogue
    from registry.cards import Card, split_front_matter
    from registry.errors import SettingsError
    from registry.references import Reference

    names = catalogue()
    found = names.resolve(Reference.parse(name))
    facts = _card_facts(found) if isinstance(found, Card) else _version_facts(found)
    if facts["kind"] == "model":
        facts |= asdict(facts_of(found))
    text = names.readme(found)
    try:
        front_matter, body = split_front_matter(text, str(facts["reference"]))
    except SettingsError:
        # A version may have been published with a card of its own style, or with none.
        front_matter, body = {}, text
    facts["licence_note"] = str(front_matter.get("license_note", ""))
    facts["citation"] = str(front_matter.get("citation", "")).strip()
    if plot is not None and facts["kind"] != "dataset":
        raise click.UsageError(f"--plot draws datasets, and {name} is a {facts['kind']}")
    surveyed = None if plot is None else _survey(name, plot, where, sample)
    if as_json:
        survey = {"survey": surveyed.to_json()} if surveyed else {}
        output.result_json({**facts, **survey, "card": text})
        return
    _print(facts, body)
    if surveyed:
        print_survey(surveyed)
        output.message(f"the plot is in {plot}")


def _survey(name: str, plot: Path, where: str | None, sample: int) -> Survey:
    from hub.datasets.survey import survey
    from hub.datasets.survey_plot import survey_plot

    with (
        progress_bar(f"pulling {name}", in_bytes=True) as pulling,
        progress_bar("analysing") as progress,
    ):
        surveyed = survey(name, sample, where=where, pulling=pulling, progress=progress)
    survey_plot(plot, surveyed)
    return surveyed


def _version_facts(version: Version) -> dict[str, Any]:
    from msgspec.structs import asdict

    manifest = version.manifest
    return {
        "reference": str(version.reference),
        "kind": manifest.kind,
        "description": manifest.metadata.get("description", ""),
        "digest": version.digest,
        "licence": manifest.licence,
        "files": [asdict(entry) for entry in manifest.files],
        "parents": [asdict(parent) for parent in manifest.parents],
        "metadata": manifest.metadata,
    }


def _card_facts(card: Card) -> dict[str, Any]:
    """Return what is known before the published file has been imported."""
    from registry.builtin import source_facts

    return {
        "reference": f"builtin/{card.name}@{card.version}",
        "kind": card.kind,
        "description": card.description,
        "digest": None,
        "licence": card.licence,
        "files": [],
        "parents": [],
        "metadata": source_facts(card),
    }


def _print(facts: dict[str, Any], body: str) -> None:
    output.result(f"{facts['reference']}  ({facts['kind']})")
    output.result(str(facts["description"]))
    note = f" ({facts['licence_note']})" if facts["licence_note"] else ""
    output.result(f"\nlicence  {facts['licence'] or 'none stated'}{note}")
    if facts.get("architecture"):
        output.result(f"model    {facts['architecture']}, {_elements(facts['elements'])}")
    if facts["digest"]:
        output.result(f"digest   sha256:{facts['digest']}")
    else:
        _print_sources(facts["metadata"])
        output.result("         not on this machine yet: `hub pull` fetches and imports it")
    for parent in facts["parents"]:
        output.result(
            f"parent   {parent['name']}@{parent['version']} sha256:{parent['digest'][:16]}"
            f"  {parent['relation']}".rstrip()
        )
    if "dataset" in facts["metadata"]:
        print_facts(facts["metadata"]["dataset"], facts["files"])
    elif facts["files"]:
        output.result("")
        output.result_table(
            ["FILE", "SIZE", "SHA256"],
            [[f["path"], output.human_size(f["size"]), f["sha256"]] for f in facts["files"]],
        )
    if body.strip():
        output.result(f"\n{body.strip()}")
    if facts["citation"]:
        output.result(f"\nCite as\n\n{facts['citation']}")


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
        output.result(f"         {', '.join(known) or 'no hash is known'}")
    if len(sources) > _SHOWN_SOURCES:
        output.result(f"         and {len(sources) - _SHOWN_SOURCES} more files: --json has all")


def _in_package(source: dict[str, Any]) -> str:
    return f"{source['path']} of the Python package {source['package']}"
