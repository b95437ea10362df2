"""``hub verify``: is what is on this machine still what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option

if TYPE_CHECKING:
    from registry.catalogue import Catalogue
    from registry.upkeep import Finding


@click.command(name="verify", short_help="Hash again what is on this machine, and repair it.")
@click.argument("name", shell_complete=complete_names, required=False)
@click.option("--repair/--no-repair", default=True, help="Pull what is damaged again.")
@json_option
def command(name: str | None, repair: bool, as_json: bool) -> None:
    """Hash every file of NAME, or of everything, again; name what is damaged and repair it.

    The exit code is 4 if anything stays damaged.
    """
    from hub.library import catalogue
    from registry.errors import IntegrityError
    from registry.references import Reference
    from registry.upkeep import verify

    names = catalogue()
    findings = verify(names, Reference.parse(name) if name else None, repair=repair)
    touched = {finding.digest: _touched(names, finding) for finding in findings}
    if as_json:
        output.result_json(
            [
                {
                    "reference": str(finding.reference),
                    "digest": finding.digest,
                    "damaged": list(finding.damaged),
                    "repaired": finding.repaired,
                    "problem": finding.problem,
                    "structures": touched[finding.digest],
                }
                for finding in findings
            ]
        )
    else:
        for finding in findings:
            output.result(_line(finding))
            for path, (first, last) in touched[finding.digest].items():
                output.result(f"  {path} holds structures {first} to {last}")
    lost = [finding for finding in findings if finding.damaged and not finding.repaired]
    if lost:
        raise IntegrityError(
            f"{len(lost)} of {len(findings)} versions are damaged",
            "" if repair else "`hub verify --repair` pulls them again.",
        )


def _touched(names: Catalogue, finding: Finding) -> dict[str, tuple[int, int]]:
    """Return the first and last structure in each damaged shard, if it is a dataset's."""
    if not any("dataset.zarr/" in path for path in finding.damaged):
        return {}
    from hub.datasets.damage import touched_structures

    return touched_structures(names, finding)


def _line(finding: Finding) -> str:
    if not finding.damaged:
        return f"{finding.reference}: intact"
    state = "repaired" if finding.repaired else "damaged"
    reason = f" ({finding.problem})" if finding.problem else ""
    return f"{finding.reference}: {state}: {', '.join(finding.damaged)}{reason}"
