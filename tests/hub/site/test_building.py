"""Build a site: what is written, what is replaced, and what is said of what cannot be read."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

import hub
from hub.site import building
from hub.site.building import build_site
from registry.errors import NotFoundError, StorageError
from registry.manifest import FileEntry
from tests.hub.site.conftest import Parsed, data_of, rows_of
from tests.hub.site.many import Written, many

ASSETS = Path(building.__file__).parent / "assets"


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_version_has_a_row_and_a_page(built):
    rows = rows_of(built.path)
    assert len(rows) == built.n_versions
    assert len({row["p"] for row in rows}) == len(rows)
    assert all((built.path / row["p"]).is_file() for row in rows)
    (row,) = [row for row in rows if row["n"] == "c-ace-pretrained"]
    assert (row["e"], row["a"], row["t"], row["fe"]) == (["C"], "nequip-onehot", ["ACE"], 0.268)
    (older,) = [row for row in rows if (row["n"], row["v"]) == ("potential-00001", "1.0.0")]
    assert not older["new"]


def test_every_link_of_every_page_leads_to_a_file_of_the_site(built):
    for page in built.path.rglob("*.html"):
        parsed = Parsed(page)
        for link in parsed.values("href") + parsed.values("src"):
            if link.startswith(("https://", "http://", "mailto:", "data:,")):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.is_file(), (page, link)
            assert target.is_relative_to(built.path)
            if anchor:
                assert anchor in Parsed(target).values("id")


def test_only_files_of_the_site_are_loaded(built):
    for page in built.path.rglob("*.html"):
        parsed = Parsed(page)
        (policy,) = [
            given["content"]
            for tag, given in parsed.elements
            if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert not [link for link in parsed.values("src") if ":" in link]
        assert not parsed.values("style")


def test_the_viewer_is_the_published_one():
    about = json.loads((ASSETS / "3Dmol.json").read_text())
    data = (ASSETS / "3Dmol-min.js").read_bytes()
    assert hashlib.sha256(data).hexdigest() == about["sha256"]
    assert "BSD-3-Clause" in (ASSETS / "3Dmol-LICENSE.txt").read_text()


def test_structures_and_distributions_of_a_dataset(built):
    folder = built.path / "versions/builtin/c-pbe-examples"
    text = (folder / "1.0.0.structures.js").read_text()
    shown = json.loads(text.removeprefix("window.hubStructures = ").rstrip(";\n"))
    assert len(shown["structures"]) == 24
    assert shown["radii"] == {"C": 0.76}
    dataset = hub.load_dataset("c-pbe-examples")
    for each in shown["structures"]:
        atoms = dataset.to_atoms(each["number"])
        assert each["symbols"] == atoms.get_chemical_symbols()
        assert each["positions"] == pytest.approx(atoms.positions.ravel().tolist(), abs=1e-3)
        (labels,) = each["labels"]
        assert labels["energy"] == pytest.approx(atoms.get_potential_energy() / len(atoms))
    energies, forces, sizes, densities = data_of(folder / "1.0.0.html")["histograms"]
    assert sum(energies["series"][0]["counts"]) + energies["outside"] == 101
    assert sum(forces["series"][0]["counts"]) + forces["outside"] == 869
    assert (sizes["title"], densities["unit"]) == ("Size", "g/cm³")


def test_what_changed_between_versions(built):
    text = Parsed(built.path / "versions/hostile/hostile/1.1.0.html").text
    assert "→ MIT" in text
    assert "Files removed: a'b&c$(d)`.txt" in text


def test_licences_of_parents_are_shown(built):
    page = Parsed(built.path / "versions/builtin/c-ace-pretrained/1.0.0.html")
    assert "upstream publishes no licence" in page.text
    assert "builtin/c-synth-23m@1.0.0: MIT" in " ".join(page.text.split())


def test_a_registry_that_is_away_is_named_on_the_list(tmp_path, command):
    command("registry", "add", "lab", "http://127.0.0.1:9/")
    done = command("site", "build", "out", HUB_OFFLINE="1")
    assert "warning: lab: " in done.err
    text = " ".join(Parsed(tmp_path / "out/index.html").text.split())
    assert "The registry lab could not be read" in text
    assert "127.0.0.1" not in (tmp_path / "out/index.html").read_text()
    done = command("site", "build", "none", "--registry", "lab", HUB_OFFLINE="1", code=3)
    assert "there is no version to show (lab: " in done.err
    assert not (tmp_path / "none").exists()


def test_damaged_manifests_cards_and_pages_are_told_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = many(tmp_path / "many", 6)
    rows = {p.stem: json.loads(p.read_bytes()) for p in (registry / "index").glob("*.json")}
    digest = rows["potential-00000"]["versions"]["1.0.0"]["digest"]
    (registry / f"manifests/{digest}.json").write_bytes(b"{}")
    digest = rows["potential-00001"]["versions"]["1.1.0"]["digest"]
    manifest = json.loads((registry / f"manifests/{digest}.json").read_bytes())
    card = manifest["files"][0]["sha256"]
    (registry / f"blobs/{card[:2]}/{card}").write_bytes(b"# Something else")
    (registry / "index/potential-00002.json").write_bytes(b"damaged")
    built = build_site("out", registries=["./many"])
    assert sorted(each.where for each in built.problems) == [
        "many/potential-00000@1.0.0",
        "many/potential-00001@1.1.0",
        "many/potential-00002",
    ]
    assert built.n_versions == 4
    folder = tmp_path / "out/versions/many"
    assert (
        "manifest of this version could not be read"
        in Parsed(folder / "potential-00000/1.0.0.html").text
    )
    text = Parsed(folder / "potential-00001/1.1.0.html").text
    assert "card of this version could not be read" in text
    assert "Something else" not in text


def test_a_version_without_anything(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = Written(tmp_path / "bare")
    written.add("bare")
    written.finish()
    page = build_site("out", registries=["./bare"]).path / "versions/bare/bare/1.0.0.html"
    text = Parsed(page).text
    for said in ("No description.", "no measured errors", "no card", "None stated", "no citation"):
        assert said in text


def test_a_dataset_too_large_to_sample_is_told_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = Written(tmp_path / "lab")
    files = (FileEntry("dataset.zarr/big", 10**12, "0" * 64),)
    written.add("big", kind="dataset", files=files)
    written.finish()
    built = build_site("out", registries=["./lab"])
    ((where, message),) = built.problems
    assert where == "lab/big@1.0.0"
    assert "it has 1.0 TB and is not on this machine" in message


def test_an_older_site_is_replaced_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many(tmp_path / "many", 4)
    build_site("out", registries=["./many"])
    shutil.rmtree(tmp_path / "many")
    many(tmp_path / "many", 2)
    build_site("out", registries=["./many"])
    assert sorted(p.name for p in (tmp_path / "out/versions/many").iterdir()) == ["potential-00000"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["many", "out"]


def test_folders_with_other_content_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many(tmp_path / "many", 2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match=r"thesis\.tex"):
        build_site("mine", registries=["./many"])
    # A registry has the same marker as a site.
    hub.publish(_model(tmp_path), name="own", version="1.0.0", license="MIT", to="./group")
    before = tree(tmp_path / "group")
    with pytest.raises(StorageError, match="not part of such an output"):
        build_site("group", registries=["./many"])
    assert tree(tmp_path / "group") == before
    (tmp_path / "link").symlink_to(tmp_path / "many")
    with pytest.raises(StorageError, match="is a link"):
        build_site("link", registries=["./many"])
    build_site("out", registries=["./many"])
    (tmp_path / "out/CNAME").write_text("example.org")
    with pytest.raises(StorageError, match="CNAME"):
        build_site("out", registries=["./many"])


def _model(tmp_path: Path) -> Path:
    return hub.pull("c-nep-pretrained", out=tmp_path / "model")


def test_a_build_that_fails_leaves_the_older_site_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many(tmp_path / "many", 4)
    build_site("out", registries=["./many"])
    before = tree(tmp_path / "out")
    pages = []

    def full(path, template, context):
        pages.append(path)
        if len(pages) == 3:
            raise OSError(28, "No space left on device")
        path.write_text("half")

    monkeypatch.setattr(building, "_write", full)
    with pytest.raises(StorageError, match="the disk is full"):
        build_site("out", registries=["./many"])
    assert tree(tmp_path / "out") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["many", "out"]


def test_unknown_registries(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match="unknown registry 'lab'"):
        build_site("out", registries=["lab"])


def test_two_folders_of_the_same_name_have_pages_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many(tmp_path / "a/group", 2)
    many(tmp_path / "b/group", 4)
    built = build_site("out", registries=["./a/group", "./b/group", "./a/group"])
    assert built.n_versions == 6
    assert sorted(p.name for p in (built.path / "versions").iterdir()) == ["group", "group-2"]


def test_the_command(tmp_path, command):
    done = command("site", "build", "out", "--structures", 0, "--title", "Ours <b>", "--json")
    assert done.json["versions"] >= 19
    assert done.json["problems"] == []
    assert Path(done.json["path"]) == tmp_path / "out"
    assert "<title>Ours &lt;b&gt;</title>" in (tmp_path / "out/index.html").read_text()
    assert not list((tmp_path / "out").rglob("*.structures.js"))
    done = command("site", "build", "out")
    assert done.out == f"{tmp_path / 'out'}\n"
