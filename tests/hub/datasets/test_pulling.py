"""Parts of datasets: what is moved, what is not, and what can be loaded from it."""

import json

import numpy as np
import pytest

import hub
from hub.datasets.dataset import Dataset
from hub.datasets.pulling import pull_dataset
from hub.datasets.selection import Choice
from hub.errors import DataError
from hub.library import catalogue
from registry.errors import IntegrityError
from registry.publishing import publish
from registry.references import Reference
from registry.upkeep import verify
from tests.registry.server import Server


@pytest.fixture
def lab(tmp_path, directory, monkeypatch):
    """A registry behind a loopback server that has the dataset ``any``."""
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "author"))
    publish(
        catalogue(),
        directory,
        "any",
        "1.0.0",
        kind="dataset",
        metadata={"description": "Any"},
        to=str(tmp_path / "lab"),
    )
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "reader"))
    with Server(tmp_path / "lab") as server:
        monkeypatch.setenv("HUB_REGISTRIES", f"lab={server.url}")
        yield server


def sent(server):
    """The blobs that were asked for, by the path of the file in the dataset."""
    version = catalogue().resolve(Reference.parse("any"))
    paths = {}
    for entry in version.manifest.files:
        paths.setdefault(entry.sha256, entry.path)
    asked = [request.path.rpartition("/")[2] for request in server.asked("/blobs/")]
    assert len(asked) == len(set(asked))
    return [paths[sha256] for sha256 in asked]


@pytest.mark.slow
def test_one_label_set_is_moved_alone(lab, directory):
    whole = Dataset(directory)
    pulled = pull_dataset("any", labels=["ace"])
    assert not any("labels/lcbop" in path and "/c/" in path for path in sent(lab))
    total = {e.sha256: e.size for e in pulled.version.manifest.files}
    assert pulled.moved + pulled.saved == sum(total.values())
    assert pulled.saved > 0.2 * pulled.moved
    loaded = hub.load_dataset("any", labels="ace")
    assert loaded.digest() == whole.load("ace").digest()
    with pytest.raises(IntegrityError, match="lcbop"):
        Dataset(pulled.version.path).load("lcbop")
    # By name, what is missing is fetched, and nothing twice.
    assert hub.load_dataset("any", labels="lcbop").digest() == whole.load("lcbop").digest()
    sent(lab)
    again = pull_dataset("any", labels=["ace", "lcbop"])
    assert (again.moved, again.saved) == (0, 0)


def test_a_choice_moves_its_shards(lab, directory):
    whole = Dataset(directory)
    options = {"where": "density > 2.8", "sample": 2, "seed": 5}
    loaded = hub.load_dataset("any", labels="ace", **options)
    assert loaded.digest() == whole.load("ace", **options).digest()
    shards = whole.shards_of(loaded.frame_index)
    moved = {path for path in sent(lab) if "labels/ace/forces/c/" in path}
    assert moved == {f"dataset.zarr/labels/ace/forces/c/{shard}/0" for shard in shards}
    assert len(shards) < 5
    with pytest.raises(IntegrityError, match="is missing from"):
        Dataset(catalogue().pull(Reference.parse("any"), only=lambda _: False).path).load("ace")


def test_a_directory_of_ones_own_is_the_choice(lab, directory, tmp_path):
    choice = Choice("density > 1", 6, 2)
    pulled = pull_dataset("any", labels=["ace"], choice=choice, out=tmp_path / "mine")
    assert pulled.chosen == 6
    assert json.loads((tmp_path / "mine" / "selection.json").read_text())["sample"] == 6
    own = hub.load_dataset(tmp_path / "mine", labels="ace")
    expected = Dataset(directory).load("ace", where="density > 1", sample=6, seed=2)
    assert own.digest() == expected.digest()
    assert len(hub.load_dataset(tmp_path / "mine", labels="ace", sample=3)) == 3


def test_verify_knows_what_was_never_pulled(lab):
    path = pull_dataset("any", labels=["ace"]).version.path
    (finding,) = verify(catalogue())
    assert not finding.damaged
    shard = path / "dataset.zarr/labels/ace/forces/c/1/0"
    shard.chmod(0o644)
    shard.write_bytes(b"x" * shard.stat().st_size)
    (finding,) = verify(catalogue(), repair=False)
    assert finding.damaged == ("dataset.zarr/labels/ace/forces/c/1/0",)
    from hub.datasets.damage import touched_structures

    ((first, last),) = touched_structures(catalogue(), finding).values()
    pointers = Dataset(path).pointers
    assert pointers[first] <= 64 < pointers[first + 1]
    assert pointers[last] < 128 <= pointers[last + 1]
    (finding,) = verify(catalogue())
    assert finding.repaired
    (finding,) = verify(catalogue())
    assert not finding.damaged
    assert not any("labels/lcbop" in p.as_posix() for p in path.rglob("*/c/*"))
    # Once all of it was asked for, what is missing is a damage.
    version = catalogue().pull(Reference.parse("any"))
    entry = next(e for e in version.manifest.files if "lcbop/forces/c/1" in e.path)
    catalogue().local.blobs.path(entry.sha256).unlink()
    (finding,) = verify(catalogue(), repair=False)
    assert finding.damaged == (entry.path,)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("densty > 1", "no column 'densty'"),
        ("density >", "invalid condition"),
        ("density.real > 1", "unsupported expression"),
        ("__import__('os').system('x') == 0", "unsupported expression"),
        ("density > 'a'", "compares text with a number"),
        ("density + 1 > 2", "unsupported expression"),
        ("density", "unsupported expression"),
        ("(lambda: 1)() == 1", "unsupported expression"),
        ("density > 100", "no structure of .* matches"),
        ("config_type == 'gas'", "no structure of .* matches"),
        ("1", "unsupported expression"),
        ("(" * 3000, "invalid condition"),
        ("time > 0" + " and time > 0" * 400, "5208 characters"),
    ],
)
def test_conditions_are_refused_with_a_reason(directory, condition, message):
    with pytest.raises(DataError, match=message) as caught:
        Dataset(directory).load("ace", where=condition)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("condition", "rule"),
    [
        ("density >= 2.0 and time >= 10", lambda d, t, c: (d >= 2) & (t >= 10)),
        ("0.5 < density <= 1 or time == 3", lambda d, t, c: ((d > 0.5) & (d <= 1)) | (t == 3)),
        ("not density < 1", lambda d, t, c: ~(d < 1)),
        ("config_type in ['liquid', 'x'] and -1 < time", lambda d, t, c: c == "liquid"),
        ("config_type not in ('liquid',)", lambda d, t, c: c != "liquid"),
        ("config_type != ''", lambda d, t, c: c != ""),
        ("time in [1, 2]", lambda d, t, c: (t == 1) | (t == 2)),
    ],
)
def test_conditions_choose(directory, condition, rule):
    dataset = Dataset(directory)
    density, time = dataset.column("density"), dataset.column("time")
    expected = np.flatnonzero(rule(density, time, dataset.column("config_type")))
    assert dataset.load("ace", where=condition).frame_index.tolist() == expected.tolist()


def test_what_is_no_dataset_or_has_no_such_labels(lab, tmp_path):
    with pytest.raises(DataError, match="no label set 'x'"):
        pull_dataset("any", labels=["x"])
    with pytest.raises(DataError, match="several label sets"):
        hub.load_dataset("any")
    with pytest.raises(DataError, match="sample of 1000"):
        pull_dataset("any", choice=Choice(sample=1000))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("x")
    publish(catalogue(), tmp_path / "model", "toy", "1.0.0", kind="model", metadata={})
    with pytest.raises(DataError, match="is a model, not a dataset"):
        hub.load_dataset("toy")
