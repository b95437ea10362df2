"""``hub show``: everything about one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option

if TYPE_CHECKING:
    from registry.cards import Card
    from registry.versions import Version

_SHOWN_SOURCES = 3


@click.command(name="show", short_help="Show card, files, licence, citation and parents.")
@click.argument("name", shell_complete=complete_names)
@json_option
def command(name: str, as_json: bool) -> None:
    """Show the card of NAME, its files with their digests, licence, citation and parents."""
    from hub.library import catalogue
    from registry.cards import Card, split_front_matter
    from registry.errors import SettingsError
    from registry.references import Reference

    names = catalogue()
    found = names.resolve(Reference.parse(name))
    facts = _card_facts(found) if isinstance(found, Card) else _version_facts(found)
    text = names.readme(found)
    try:
        front_matter, body = split_front_matter(text, str(facts["reference"]))
    except SettingsError:
        # A version may have been published with a card of its own style, or with none.
        front_matter, body = {}, text
    facts["licence_note"] = str(front_matter.get("license_note", ""))
    facts["citation"] = str(front_matter.get("citation", "")).strip()
    if as_json:
        output.result_json({**facts, "card": text})
    else:
        _print(facts, body)


def _version_facts(version: Version) -> dict[str, Any]:
    from dataclasses import asdict

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
    if facts["digest"]:
        output.result(f"digest   sha256:{facts['digest']}")
    else:
        _print_sources(facts["metadata"])
        output.result("         not on this machine yet: `hub pull` fetches and imports it")
    for parent in facts["parents"]:
        output.result(
            f"parent   {parent['name']}@{parent['version']} sha256:{parent['digest'][:12]}"
            f"  {parent['relation']}".rstrip()
        )
    if "dataset" in facts["metadata"]:
        from hub.cli.dataset_output import print_facts

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


def _print_sources(metadata: dict[str, Any]) -> None:
    sources = metadata.get("sources") or [metadata["source"]]
    for source in sources[:_SHOWN_SOURCES]:
        output.result(f"source   {source['url']}")
        known = [output.human_size(source["size"])] if "size" in source else []
        known += [f"{key}:{source[key]}" for key in ("sha256", "git_blob") if key in source]
        output.result(f"         {', '.join(known) or 'no hash is known'}")
    if len(sources) > _SHOWN_SOURCES:
        output.result(f"         and {len(sources) - _SHOWN_SOURCES} more files: --json has all")
