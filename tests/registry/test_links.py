"""Links where a registry keeps its documents: nothing behind them is replaced or moved."""

import pytest

from registry.errors import IntegrityError, StorageError
from registry.local import LocalStore
from registry.repair import repair
from registry.upkeep import prune
from tests.registry.conftest import publish, ref


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine.json").write_text("{}")
    return folder


def test_repair_moves_nothing_that_lies_behind_a_link(published, lab, elsewhere):
    index = lab.store.root / "index"
    for page in index.iterdir():
        page.unlink()
    index.rmdir()
    index.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="is a link or not a") as refused:
        repair(lab)
    assert "Move it elsewhere" in refused.value.hint
    assert [path.read_text() for path in elsewhere.iterdir()] == ["{}"]
    index.unlink()
    assert sorted(repair(lab).restored) == ["mine@1.0.0", "mine@1.1.0"]


def test_a_document_that_is_a_link_is_named(make_catalogue, published, lab, content, elsewhere):
    place = lab.store.root / "index.json"
    place.rename(elsewhere / "index.json")
    place.symlink_to(elsewhere / "index.json")
    before = place.read_bytes()
    with pytest.raises(StorageError, match=r"index\.json is a link"):
        publish(make_catalogue(lab), content, name="new", to="lab")
    assert place.is_symlink()
    assert place.read_bytes() == before


def test_a_local_index_that_is_a_link_is_named(make_catalogue, published, lab, elsewhere, local):
    catalogue = make_catalogue(lab)
    catalogue.pull(ref("mine"))
    (place,) = local.root.glob("origins/*.json")
    place.unlink()
    place.symlink_to(elsewhere / "mine.json")
    with pytest.raises(IntegrityError, match="is a link"):
        prune(LocalStore(local.root))
    assert (elsewhere / "mine.json").read_text() == "{}"
