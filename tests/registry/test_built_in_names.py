"""Names that are built in: fetched from a mirror or from where they are, and imported once."""

import shutil

import pytest

from registry.cards import Card
from registry.documents import digest_of
from registry.errors import (
    IncompatibleError,
    IntegrityError,
    OfflineError,
)
from tests.registry.conftest import SOURCE, ref
from tests.registry.server import Server


def test_built_in_names_are_fetched_and_imported_once(make_catalogue, toy_card, tmp_path, local):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "toy.bin").write_bytes(SOURCE)
    with Server(tmp_path / "web") as web:
        cards = toy_card(f"{web.url}/toy.bin")
        catalogue = make_catalogue(cards=cards)
        assert isinstance(catalogue.resolve(ref("toy")), Card)
        version = catalogue.pull(ref("toy"))
        assert (version.path / "weights.bin").read_bytes() == SOURCE[::-1]
        assert (version.path / "README.md").read_text() == cards["toy"].text
        assert version.manifest.licence == "not-stated"
        assert version.manifest.metadata["elements"] == ["C"]
        assert version.manifest.metadata["source"]["sha256"] == digest_of(SOURCE)
        assert str(version.reference) == "builtin/toy@1.0.0"
        for text in ("toy", "toy@1.0.0", "builtin/toy", f"toy@sha256:{version.digest[:12]}"):
            assert make_catalogue(cards=cards, offline=True).pull(ref(text)) == version
        assert len(web.requests) == 1
        # Damage is mended by importing again; the published file is still here.
        local.blobs.drop(version.manifest.files[1].sha256)
        shutil.rmtree(version.path)
        assert make_catalogue(cards=cards, offline=True).pull(ref("toy")) == version


@pytest.mark.parametrize("kind", ["directory", "file", "http"])
def test_the_mirror_is_asked_first(make_catalogue, toy_card, tmp_path, kind):
    file = tmp_path / "mirror" / "toys" / "models" / "toy.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(SOURCE)
    with Server(tmp_path / "mirror") as web:
        mirror = {
            "directory": str(tmp_path / "mirror"),
            "file": (tmp_path / "mirror").as_uri(),
            "http": web.url,
        }[kind]
        cards = toy_card("http://127.0.0.1:9/toy.bin")
        catalogue = make_catalogue(cards=cards, mirror=mirror, offline=kind != "http")
        assert catalogue.pull(ref("toy")).manifest.name == "toy"
        assert len(web.requests) == (kind == "http")


def test_a_wrong_mirror_is_passed_over(make_catalogue, toy_card, tmp_path, caplog):
    file = tmp_path / "mirror" / "toys" / "models" / "toy.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(SOURCE[:-1] + b"?")
    (tmp_path / "web").mkdir()
    with Server(tmp_path / "web") as web:
        catalogue = make_catalogue(
            cards=toy_card(f"{web.url}/toy.bin"), mirror=str(tmp_path / "mirror")
        )
        with pytest.raises(IntegrityError, match="cannot get the published file of toy"):
            catalogue.pull(ref("toy"))
        (tmp_path / "web" / "toy.bin").write_bytes(SOURCE)
        caplog.clear()
        assert catalogue.pull(ref("toy")).manifest.name == "toy"
        assert "mirror" in caplog.text


def test_a_built_in_name_that_cannot_be_had(make_catalogue, toy_card):
    cards = toy_card("http://127.0.0.1:9/toy.bin")
    with pytest.raises(OfflineError, match="network is disabled"):
        make_catalogue(cards=cards, offline=True).pull(ref("toy"))
    catalogue = make_catalogue(cards=cards)
    catalogue.builtin.importer_named = {}.get
    with pytest.raises(IncompatibleError, match="importer 'toy'"):
        catalogue.pull(ref("toy"))
