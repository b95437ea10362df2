"""Output about a dataset: counts, ranges, label sets, and the sizes of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.datasets.survey import Survey
    from registry.manifest import FileEntry

_SHOWN = 8


def print_facts(facts: Mapping[str, Any], files: Iterable[FileEntry]) -> None:
    """Print the summary in a dataset's manifest."""
    sizes = _sizes(files)
    low, high = facts["atoms_per_structure"]
    output.result(
        f"\n{facts['structures']:,} structures of {low} to {high} atoms, {facts['atoms']:,} atoms, "
        f"of {', '.join(facts['elements'])}; {facts['dtype']}"
    )
    output.result("")
    rows = [
        [
            name,
            f"{each['structures']:,}",
            _range(each["energy_per_atom"]),
            each["teacher"] or "-",
            each["level_of_theory"] or "-",
            ", ".join(each.get("properties", ())) or "-",  # missing in older releases
            output.human_size(sizes.pop(f"labels/{name}", 0)),
        ]
        for name, each in facts["label_sets"].items()
    ]
    header = ["LABELS", "STRUCTURES", "EV/ATOM", "TEACHER", "LEVEL OF THEORY", "ALSO", "SIZE"]
    output.result_table(header, rows)
    if facts["columns"]:
        output.result("")
        columns = facts["columns"].items()
        output.result_table(["COLUMN", "VALUES"], [[n, _values(each)] for n, each in columns])
    output.result("")
    output.result_table(
        ["PART", "SIZE"], [[part, output.human_size(size)] for part, size in sorted(sizes.items())]
    )


def print_survey(survey: Survey) -> None:
    """Print how many bonds the atoms of a surveyed dataset form, by density."""
    from hub.structures.analysis import bonds_title

    facts = survey.to_json()
    shown = survey.common_coordinations()
    output.result(f"\nbonds, in {survey.counted}")
    if facts["left_out"]:
        output.result(f"{facts['left_out']:,} of them left out: unusable positions or cells")
    output.result_table(
        ["DENSITY", "STRUCTURES", "ATOM", *[f"{bonds_title(bonds)} BONDS" for bonds in shown]],
        [
            [
                group.title,
                f"{fact['structures']:,}",
                element,
                *[f"{100 * each.get(str(bonds), 0):.1f} %" for bonds in shown],
            ]
            for group, fact in zip(survey.groups, facts["groups"], strict=True)
            for element, each in fact["coordination"].items()
        ],
    )


def _sizes(files: Iterable[FileEntry]) -> dict[str, int]:
    """Add up the bytes of structures, extras, and each label set."""
    sizes: dict[str, int] = {}
    for file in files:
        inside, _, path = file.path.partition("/")
        parts = path.split("/")
        depth = 2 if parts[0] == "labels" else 1
        is_array = inside == "dataset.zarr" and len(parts) > depth
        part = "/".join(parts[:depth]) if is_array else "card and attributes"
        sizes[part] = sizes.get(part, 0) + file.size
    return sizes


def _range(limits: list[float] | None) -> str:
    return "-" if limits is None else f"{limits[0]:.3f} to {limits[1]:.3f}"


def _values(column: Mapping[str, Any]) -> str:
    if "range" in column:
        return f"{column['range'][0]:g} to {column['range'][1]:g}"
    if "values" in column:
        shown = [f"{text or '(none)'} ({count:,})" for text, count in column["values"].items()]
        return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
    return f"{column['different']:,} distinct texts" if "different" in column else ""
