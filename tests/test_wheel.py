"""What the wheel holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from registry.shipped import FOLDER

ROOT = Path(__file__).parents[1]
# Of the web catalogue, with its licence and a picture.
SITE = (".html", ".css", ".js", ".txt", ".png")


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The names of the files in a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_card_and_probe_is_inside(names):
    models = ROOT / "cards" / "models"
    files = [path for path in models.rglob("*") if path.is_file()]
    assert files
    assert {f"registry/_cards/models/{path.relative_to(models)}" for path in files} <= names


def test_the_shipped_registry_is_inside(names):
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert {f"registry/_shipped/{path.relative_to(FOLDER).as_posix()}" for path in files} == {
        name for name in names if name.startswith("registry/_shipped/")
    }
    assert "registry/_shipped/index.json" in names


def test_every_module_is_inside(names):
    modules = [path for package in ("hub", "registry") for path in (ROOT / package).rglob("*.py")]
    assert {str(path.relative_to(ROOT)) for path in modules} <= names
    assert {"hub/py.typed", "registry/py.typed"} <= names


def test_guides_and_formats_are_inside(names):
    guides = [path for path in (ROOT / "hub" / "guide").glob("*.md") if path.is_file()]
    assert guides
    assert {str(path.relative_to(ROOT)) for path in guides} <= names
    assert {"hub/datasets/FORMAT.md", "registry/FORMAT.md"} <= names


_WITH_PAGES = ("hub/site/", "hub/guide/", "hub/evaluation/report/")


def test_nothing_else_is_inside(names):
    folders = {name.split("/")[0] for name in names}
    assert folders == {"hub", "registry", *(name for name in folders if "dist-info" in name)}
    own = [name for name in names if ".dist-info/" not in name]
    suffixes = {Path(name).suffix for name in own if "/_shipped/blobs/" not in name}
    assert suffixes == {".py", ".typed", ".md", ".json", *SITE}
    assert all(name.startswith(_WITH_PAGES) for name in own if name.endswith(SITE))
    assert not [name for name in names if name.startswith("registry/_cards/") and ".py" in name]
