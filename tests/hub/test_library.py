"""Pulling the published checkpoints: from names to model directories."""

from hub.library import catalogue, open_version
from hub.pulling import pull
from registry.references import Reference


def test_a_published_checkpoint_is_imported_once(mirror, monkeypatch):
    path = pull("c-ace-pretrained-100")
    assert sorted(file.name for file in path.iterdir()) == [
        "README.md",
        "config.json",
        "probe.json",
        "weights.safetensors",
    ]
    monkeypatch.delenv("HUB_MIRROR")
    opened = open_version("c-ace-pretrained-100")
    assert opened.path == path
    assert opened.version.manifest.metadata["source"]["path"] == "models/ace-100.pth"
    assert opened.version.manifest.licence == "not-stated"


def test_two_machines_import_the_same_version(mirror, monkeypatch, tmp_path):
    digests = set()
    for home in ("one", "two"):
        monkeypatch.setenv("HUB_HOME", str(tmp_path / home))
        digests.add(catalogue().pull(Reference("c-edip-pretrained")).digest)
    assert len(digests) == 1
