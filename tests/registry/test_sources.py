"""Cards with several published files, known by more or by less: fetched, checked, cleared away."""

import hashlib

import pytest

from registry.cards import builtin_cards
from registry.errors import IntegrityError, NotFoundError, OfflineError, SettingsError
from registry.references import Reference
from registry.sources import git_blob_of
from tests.registry.server import cut, flip, slow, status

FILES = {
    "a.zip": b"structures " * 30_000,
    "data/x:y/b-0.npz": b"labels " * 20_000,
    "data/x:y/b-1.npz": b"more labels " * 10,
}
HEAD = """---
name: toys
version: 1.0.0
kind: dataset
description: Two toys
license: MIT
importer: toy
sources:
"""


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pins(content: bytes) -> list[str]:
    sha256 = hashlib.sha256(content).hexdigest()
    return [
        f"sha256: {sha256[:12]}",
        f"git_blob: {git_blob(content)}",
        f"sha256: {sha256}, size: {len(content)}",
    ]


@pytest.fixture
def toys(server, tmp_path):
    """The card of three files on a server: by the beginning of a sha256, by git, and exactly."""

    def make(change=lambda text: text):
        text = HEAD + f"- repository: someone/toys\n  commit: abc\n  url: {server.url}\n  files:\n"
        for number, (path, content) in enumerate(FILES.items()):
            file = server.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            text += f'  - {{path: "{path}", {pins(content)[number]}}}\n'
        (tmp_path / "cards" / "datasets").mkdir(parents=True, exist_ok=True)
        (tmp_path / "cards" / "datasets" / "toys.md").write_text(change(text) + "---\n\n# toys\n")
        return builtin_cards(tmp_path / "cards")

    return make


def pull(catalogue):
    return catalogue.pull(Reference.parse("toys"))


def test_all_files_reach_the_importer_in_order(toys, make_catalogue, local):
    catalogue = make_catalogue(cards=toys())
    seen = []
    version = catalogue.pull(Reference.parse("toys"), progress=lambda *note: seen.append(note))
    assert (version.path / "weights.bin").read_bytes() == b"".join(FILES.values())[::-1]
    facts = version.manifest.metadata["sources"]
    assert [each["path"] for each in facts] == list(FILES)
    assert facts[1]["git_blob"] == git_blob(FILES["data/x:y/b-0.npz"])
    assert seen
    assert all(done <= total for done, total in seen)
    assert not list(local.files.parts.glob("sources-of-*"))


def test_what_too_few_digits_are_known_of_is_said(toys, make_catalogue, caplog):
    pull(make_catalogue(cards=toys()))
    (warning,) = [each for each in caplog.messages if "digits" in each]
    assert "a.zip is verified by only 12 digits" in warning
    assert hashlib.sha256(FILES["a.zip"]).hexdigest() in warning


@pytest.mark.parametrize("path", FILES)
def test_a_changed_file_is_refused_and_nothing_kept(toys, make_catalogue, local, server, path):
    catalogue = make_catalogue(cards=toys())
    server.faults[path.split("/")[-1]] = [flip(5), flip(5)]
    with pytest.raises(IntegrityError, match=path.split("/")[-1]):
        pull(catalogue)
    assert not [p for p in local.files.parts.rglob("*") if p.name.endswith(path.split("/")[-1])]
    server.faults.clear()
    assert pull(catalogue).manifest.name == "toys"


def test_a_broken_connection_is_continued(toys, make_catalogue, server):
    catalogue = make_catalogue(cards=toys())
    server.faults["a.zip"] = [cut(100_000), status(503), cut(100_000)]
    pull(catalogue)
    starts = [request.start for request in server.asked("a.zip")]
    assert starts[0] == 0
    assert starts[-1] > 100_000
    assert sum(request.sent for request in server.asked("a.zip")) == len(FILES["a.zip"])


def test_a_server_that_cannot_skip_starts_again(toys, make_catalogue, server):
    server.ranges = False
    catalogue = make_catalogue(cards=toys())
    server.faults["a.zip"] = [cut(100_000)]
    assert pull(catalogue).manifest.metadata["elements"] == ["C"]


def test_what_arrived_is_kept_when_a_later_file_fails(toys, make_catalogue, server):
    catalogue = make_catalogue(cards=toys())
    server.faults["b-0.npz"] = [status(503)] * 20
    with pytest.raises(OfflineError, match="503"):
        pull(catalogue)
    server.faults.clear()
    pull(catalogue)
    assert len(server.asked("a.zip")) == 1


def test_a_missing_file_and_the_mirror(toys, make_catalogue, server, tmp_path):
    cards = toys()
    (server.root / "a.zip").unlink()
    with pytest.raises(NotFoundError, match=r"a\.zip"):
        pull(make_catalogue(cards=cards))
    mirror = tmp_path / "mirror" / "toys"
    for path, content in FILES.items():
        (mirror / path).parent.mkdir(parents=True, exist_ok=True)
        (mirror / path).write_bytes(content)
    catalogue = make_catalogue(cards=cards, mirror=str(tmp_path / "mirror"), offline=True)
    assert pull(catalogue).manifest.licence == "MIT"


def test_git_blob(tmp_path):
    (tmp_path / "file").write_bytes(b"what is up, doc?")
    assert git_blob_of(tmp_path / "file") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("sha256: ", "sha256: xyz", "sources[0].files[0].sha256"),
        ("git_blob: ", "git_blob: 12", "sources[0].files[1].git_blob"),
        ("size: 120", "size: many", "sources[0].files[2].size"),
        ('path: "a.zip"', 'path: "../a.zip"', "sources[0].files[0].path"),
        ("commit: abc", "commit: 1", "sources[0].commit"),
        ("  files:", "  fils:", "'sources[0]': object contains unknown field `fils`"),
    ],
)
def test_wrong_fields_are_named(toys, old, new, field):
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    with pytest.raises(SettingsError) as failure:
        toys(change)
    assert field in failure.value.message


def test_a_slow_server_is_waited_for(toys, make_catalogue, server):
    catalogue = make_catalogue(cards=toys())
    server.faults["a.zip"] = [slow(5, 0.02)]
    assert pull(catalogue).manifest.name == "toys"
