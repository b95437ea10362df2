"""What each room of the project may import."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Only these know of an architecture's library: its folder, importers, and the exporter of LMDB.
HOMES = {
    "nequip": ("hub/potentials/nequip/", "hub/importers/", "hub/datasets/exporting.py"),
    "e3nn": ("hub/potentials/nequip/", "hub/potentials/sevennet/", "hub/importers/"),
    "sevenn": ("hub/potentials/sevennet/",),
    "chgnet": ("hub/potentials/chgnet/",),
    "matgl": ("hub/potentials/tensornet/",),
}


def imports() -> dict[str, set[str]]:
    """Return the modules that each file imports anywhere in it."""
    found = {}
    for package in ("hub", "registry"):
        for path in sorted((ROOT / package).rglob("*.py")):
            names = found.setdefault(path.relative_to(ROOT).as_posix(), set())
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names |= {each.name for each in node.names}
                elif isinstance(node, ast.ImportFrom):
                    names.add(node.module or "")
                    names |= {f"{node.module}.{each.name}" for each in node.names}
    return found


FILES = imports()


def importing(*roots: str) -> set[str]:
    """Return the files that import one of these packages or modules."""
    return {
        file
        for file, names in FILES.items()
        if any(name == root or name.startswith(f"{root}.") for name in names for root in roots)
    }


# Rooms from the lowest to the highest, and in each those that it may not import.
_HIGH = ("evaluation", "training", "teachers", "synthesis", "studies")
ABOVE = {
    "structures": ("datasets", "potentials", "alchemy", *_HIGH),
    "datasets": ("potentials", "alchemy", *_HIGH),
    "potentials": ("datasets", "alchemy", *_HIGH),
    "alchemy": _HIGH,
    "evaluation": ("training", "teachers", "synthesis", "studies"),
    "teachers": ("evaluation", "training", "synthesis", "studies"),
    "training": ("teachers", "synthesis", "studies"),
    "synthesis": ("evaluation", "training", "studies"),
}


def test_no_room_imports_one_above_it():
    for room, above in ABOVE.items():
        for other in above:
            found = {file for file in importing(f"hub.{other}") if file.startswith(f"hub/{room}/")}
            assert not found, (room, other)


def test_studies_are_imported_by_no_other_room():
    used = importing("hub.studies") - {"hub/__init__.py"}
    assert used
    # The package names them, and loads them when they are asked for.
    assert all(file.startswith(("hub/studies/", "hub/cli/")) for file in used - {"hub/__init__.py"})


def test_an_architecture_s_library_is_imported_at_its_home_alone():
    for library, homes in HOMES.items():
        found = importing(library)
        assert found
        assert all(file.startswith(homes) for file in found), library


def test_an_architecture_s_folder_is_named_by_nobody_else():
    for name in ("nequip", "sevennet", "chgnet", "tensornet"):
        folder = f"hub/potentials/{name}/"
        others = {
            file
            for file in importing(f"hub.potentials.{name}")
            if not file.startswith((folder, "hub/importers/"))
        }
        assert not others


def test_the_registry_knows_bytes_alone():
    used = importing("hub", "numpy", "torch", "ase", "zarr", "scipy")
    assert not {file for file in used if file.startswith("registry/")}


def test_the_library_does_not_import_the_command_line():
    others = {file for file in importing("hub.cli") if not file.startswith("hub/cli/")}
    assert not others


def test_jobs_know_nothing_of_what_is_done():
    rooms = [
        each.name for each in (ROOT / "hub").iterdir() if each.is_dir() and each.name != "jobs"
    ]
    used = importing(*(f"hub.{name}" for name in rooms))
    assert not {file for file in used if file.startswith("hub/jobs/")}


def test_datasets_know_nothing_of_one_project_s_files():
    assert not {file for file in importing("hub.importers") if file.startswith("hub/datasets/")}
