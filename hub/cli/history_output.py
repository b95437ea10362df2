"""Output of lineages and citations, for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.cli import output

if TYPE_CHECKING:
    from hub.history.citations import Citations
    from hub.history.step import Step


def print_lineage(step: Step, depth: int = 0) -> None:
    """Print a step with the command that repeats it, and all earlier steps indented."""
    margin = "    " * depth
    relation = f"<- {step.relation_text}: " if depth else ""
    output.result(f"{margin}{relation}{step.name}  ({step.kind})")
    if step.command:
        output.result(f"{margin}     {step.command}")
    for each in step.unknown:
        output.result(f"{margin}     not recorded: {each}")
    for parent in step.parents:
        print_lineage(parent, depth + 1)


def lineage_report(step: Step) -> dict[str, Any]:
    """Return a lineage as JSON."""
    return {
        "name": step.name,
        "kind": step.kind,
        "relation": step.relation,
        "digest": step.digest or None,
        "command": step.command or None,
        "not_recorded": list(step.unknown),
        "parents": [lineage_report(parent) for parent in step.parents],
    }


def print_citations(citations: Citations, *, as_json: bool) -> None:
    """Print BibTeX, and list on stderr what has no citation."""
    if as_json:
        output.result_json(
            {
                "bibtex": citations.bibtex,
                "keys": [entry.key for entry in citations.entries],
                "without": list(citations.without),
            }
        )
    elif citations.entries:
        output.result(citations.bibtex)
    for name in citations.without:
        output.message(f"no citation recorded: {name}")
