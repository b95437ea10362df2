"""Versions made from a file of an installed Python package, which is taken from nowhere else."""

import hashlib

import pytest

from registry.cards import builtin_cards
from registry.errors import IncompatibleError, IntegrityError, SettingsError
from registry.references import Reference

PATH = "toypackage/weights/toy.bin"
CONTENT = b"weights in a wheel " * 1000
HEAD = f"""---
name: toy
version: 1.0.0
kind: model
description: A toy
license: MIT
importer: toy
installed:
  package: toy-package
  path: {PATH}
  size: {len(CONTENT)}
  sha256: {hashlib.sha256(CONTENT).hexdigest()}
  extra: toys
---

# toy
"""


@pytest.fixture
def toy(tmp_path):
    """Make the card of a toy, which is made from a file of the package toy-package."""

    def make(text=HEAD):
        folder = tmp_path / "cards" / "models"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "toy.md").write_text(text)
        return builtin_cards(folder.parent)

    return make


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages, with toy-package 2.1 in it."""
    site = tmp_path / "site"
    info = site / "toy_package-2.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 2.1\n")
    file = site / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    (site / "toypackage" / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(site)
    return site


def pull(catalogue):
    return catalogue.pull(Reference.parse("toy"))


def test_the_installed_file_reaches_the_importer(toy, site, make_catalogue, local):
    """Without the network, from the package itself, and without importing it."""
    version = pull(make_catalogue(cards=toy(), offline=True))
    assert (version.path / "weights.bin").read_bytes() == CONTENT[::-1]
    assert version.manifest.metadata["source"] == {
        "package": "toy-package",
        "path": PATH,
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "extra": "toys",
    }
    kept = [path for path in local.blobs.root.rglob("*") if path.is_file()]
    assert CONTENT not in [path.read_bytes() for path in kept]


def test_a_version_that_was_made_needs_the_package_no_more(toy, site, make_catalogue):
    catalogue = make_catalogue(cards=toy())
    digest = pull(catalogue).digest
    (site / PATH).unlink()
    assert pull(catalogue).digest == digest


def test_a_package_that_is_not_installed_is_named(toy, make_catalogue):
    with pytest.raises(IncompatibleError, match="toy-package, which is not installed") as failure:
        pull(make_catalogue(cards=toy()))
    assert "pip install 'mlip-hub[toys]'" in failure.value.hint


def test_a_release_without_the_file_is_named(toy, site, make_catalogue):
    (site / PATH).unlink()
    with pytest.raises(IncompatibleError, match=r"toy-package 2\.1 does not have") as failure:
        pull(make_catalogue(cards=toy()))
    assert "pip install 'mlip-hub[toys]'" in failure.value.hint


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"!", CONTENT[:-1] + b"!"])
def test_a_changed_file_is_refused_whatever_else_there_is(
    toy, site, make_catalogue, local, tmp_path, content
):
    """Neither a mirror nor what the cache may hold stands in for it."""
    (site / PATH).write_bytes(content)
    mirror = tmp_path / "mirror" / PATH
    mirror.parent.mkdir(parents=True)
    mirror.write_bytes(CONTENT)
    blob = local.blobs.path(hashlib.sha256(CONTENT).hexdigest())
    blob.parent.mkdir(parents=True)
    blob.write_bytes(CONTENT)
    with pytest.raises(IntegrityError, match="is not the file") as failure:
        pull(make_catalogue(cards=toy(), mirror=str(tmp_path / "mirror")))
    assert "--force-reinstall" in failure.value.hint
    assert not list(local.files.parts.glob("*"))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("package: toy-package", "package: ../toy", "installed.package"),
        (f"path: {PATH}", "path: ../toy.bin", "installed.path"),
        ("sha256: ", "sha256: x", "installed.sha256"),
        (f"size: {len(CONTENT)}", "size: many", "installed.size"),
        ("extra: toys", "extra: 'toys]; rm'", "installed.extra"),
        ("extra: toys", "url: https://example.org", "installed"),
        ("installed:", "install:", "`installed`"),
    ],
)
def test_wrong_fields_are_named(toy, old, new, field):
    assert old in HEAD
    with pytest.raises(SettingsError) as failure:
        toy(HEAD.replace(old, new, 1))
    assert field in failure.value.message
