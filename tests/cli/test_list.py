"""The filters of ``hub list``."""

import pytest

import hub
from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.errors import SettingsError
from registry.local import LocalStore
from registry.publishing import publish
from registry.registry import Registry
from registry.stores.directory import DirectoryStore


@pytest.fixture
def lab(command, tmp_path):
    """A registry of somebody else, nothing of which is on this machine."""
    lab = Registry("lab", DirectoryStore(tmp_path / "lab"))
    author = Catalogue(LocalStore(tmp_path / "author"), [lab], Builtin({}, {}.get))
    content = tmp_path / "content"
    content.mkdir()
    (content / "file").write_text("content")
    water = {"elements": ["H", "O"], "architecture": "springs"}
    for name, kind, metadata, licence in (
        ("water", "model", water, "CC-BY-4.0"),
        ("ice", "dataset", {"dataset": {"elements": ["H", "O"]}}, "CC0-1.0"),
        ("unknown", "model", {}, ""),
    ):
        publish(
            author, content, name, "1.0.0",
            kind=kind, metadata=metadata, licence=licence, to="lab",
        )  # fmt: skip
    command("registry", "add", "lab", lab.location)


FOUNDATION = {
    "sevennet-0", "sevennet-l3i5", "sevennet-mf-0-pbe", "sevennet-mf-0-r2scan",
    "chgnet-0.3.0", "chgnet-r2scan", "tensornet-matpes-pbe",
}  # fmt: skip


def names(done):
    return {row["name"] for row in done.json}


def test_built_in_ones_by_kind_elements_and_licence(command):
    datasets = command("list", "--kind", "dataset", "--json").json
    assert {row["kind"] for row in datasets} == {"dataset"}
    silicon = names(command("list", "--elements", "Si", "--json"))
    # One is on this machine; of the next a card states the elements; the others are models.
    assert silicon == {"si-pbe-examples", "si-gap-18", *FOUNDATION}
    assert names(command("list", "--elements", "Si, H", "--json")) == FOUNDATION
    assert names(command("list", "--license", "cc0-1.0", "--json")) == {
        "c-pbe-examples", "si-pbe-examples",
    }  # fmt: skip
    both = command("list", "c-*", "--license", "CC*", "--kind", "dataset", "--json")
    assert "c-gap-17" in names(both)
    assert not any(row["name"].startswith("si") for row in both.json)
    nothing = command("list", "--elements", "Si", "--architecture", "nequip-onehot")
    assert nothing.out == ""
    assert "matches these filters" in nothing.err


def test_versions_that_were_never_pulled(command, lab):
    def remote(*filters):
        return names(command("list", "--remote", *filters, "--json"))

    assert remote("--elements", "H,O") == {"water", "ice", *FOUNDATION}
    assert remote("--elements", "O", "--kind", "dataset") == {"ice"}
    assert remote("--architecture", "springs", "--license", "cc-by*") == {"water"}
    assert "unknown" in remote("--kind", "model")
    rows = {row["name"]: row for row in command("list", "--remote", "--json").json}
    assert rows["water"]["elements"] == []  # nothing was fetched to know it


def test_a_damaged_version_is_listed_with_a_warning(command, lab, tmp_path):
    for manifest in (tmp_path / "lab" / "manifests").iterdir():
        manifest.chmod(0o644)
        manifest.write_text("{}")
    done = command("list", "--remote", "--architecture", "springs", "--json")
    assert names(done) == set()
    assert "warning: water@1.0.0: the manifest" in done.err


def test_from_python(command, lab):
    (row,) = hub.list("wat", elements=["O"], license="cc-by-4.0", remote=True)
    assert (row.name, row.elements, row.architecture) == ("water", ("H", "O"), "springs")
    with pytest.raises(SettingsError, match="'o' is not a chemical symbol"):
        hub.list(elements=["o"])
    assert "'o' is no" in command("list", "--elements", "o", code=1).err
