"""``hub verify``: check the files on this machine, and repair them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import complete_names, json_option

if TYPE_CHECKING:
    from hub.upkeep import Verified


@click.command(name="verify")
@click.argument("name", shell_complete=complete_names, required=False)
@click.option(
    "--repair/--no-repair", default=True, show_default=True, help="Pull damaged files again."
)
@json_option
def command(name: str | None, repair: bool, as_json: bool) -> None:
    """Check the checksum of every file of NAME, or of all versions; list and repair damaged files.

    The exit code is 4 if any file stays damaged.
    """
    from hub.upkeep import verify
    from registry.errors import IntegrityError

    found = verify(name, repair=repair)
    if as_json:
        output.result_json([_report(each) for each in found])
    else:
        for each in found:
            output.result(_line(each))
            for path, (first, last) in each.structures.items():
                output.result(f"  {path} contains structures {first} to {last}")
    lost = [each for each in found if each.is_lost]
    if lost:
        raise IntegrityError(
            f"{len(lost)} of {len(found)} versions are damaged",
            "" if repair else "Run `hub verify --repair` to pull them again.",
        )


def _report(found: Verified) -> dict[str, object]:
    return {
        "reference": str(found.reference),
        "digest": found.digest,
        "damaged": list(found.damaged),
        "repaired": found.repaired,
        "problem": found.problem,
        "structures": found.structures,
    }


def _line(found: Verified) -> str:
    if not found.damaged:
        return f"{found.reference}: intact"
    state = "repaired" if found.repaired else "damaged"
    reason = f" ({found.problem})" if found.problem else ""
    return f"{found.reference}: {state}: {', '.join(found.damaged)}{reason}"
