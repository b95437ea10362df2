import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.documents import digest_of
from registry.errors import IncompatibleError, IntegrityError
from registry.manifest import FileEntry, Manifest, Parent, parse_manifest
from registry.references import is_reserved_name

DATA = Path(__file__).parent / "data"
SHA = "a" * 64
segments = st.from_regex(r"[a-zA-Z0-9_-][a-zA-Z0-9._ -]{0,8}[a-z]", fullmatch=True).filter(
    lambda name: not is_reserved_name(name)
)
sha256s = st.text("0123456789abcdef", min_size=64, max_size=64)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef"), inner, max_size=4)
    ),
    max_leaves=15,
)


def manifest(**changes):
    content = {
        "kind": "model",
        "name": "m",
        "version": "1.0.0",
        "files": (FileEntry("w.bin", 3, SHA),),
    }
    return Manifest(**{**content, **changes})


@given(
    st.lists(
        st.tuples(segments, st.integers(0, 2**60), sha256s),
        min_size=1,
        max_size=5,
        unique_by=lambda file: file[0].casefold(),
    ),
    st.dictionaries(st.text("abcdef"), json_values, max_size=4),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_manifest_is_read_back_as_it_was_written(files, metadata, licence):
    written = manifest(
        files=tuple(sorted(FileEntry(*file) for file in files)),
        metadata=metadata,
        parents=(Parent("p", "0.1.0", SHA, "fine-tuned"),),
        licence=licence,
    )
    data = written.to_bytes()
    assert parse_manifest(data) == written
    assert parse_manifest(data).to_bytes() == data


def test_equal_content_has_equal_digests_whatever_the_order():
    a, b = FileEntry("a", 1, SHA), FileEntry("b", 2, SHA)
    one = manifest(files=(a, b), metadata={"x": 1, "y": 2}).to_bytes()
    other = manifest(files=(b, a), metadata={"y": 2, "x": 1}).to_bytes()
    assert one == other


@given(
    json_values
    | st.dictionaries(
        st.sampled_from(
            ["format", "kind", "name", "version", "files", "metadata", "parents", "licence"]
        ),
        json_values | st.sampled_from([1, 2, "model", "1.0.0", "m", [], {}]),
    )
)
def test_any_json_is_a_manifest_or_refused(value):
    with pytest.raises((IntegrityError, IncompatibleError)):
        parse_manifest(json.dumps(value).encode())


@given(st.binary())
def test_any_bytes_are_refused(data):
    with pytest.raises((IntegrityError, IncompatibleError)):
        parse_manifest(data)


def test_format_1_is_still_read():
    data = (DATA / "manifest-format-1.json").read_bytes()
    assert digest_of(data) == "564efb96aa8ac4e8cbf85467c54f6f230a592c7717524aaec77c0a5336ea70ff"
    assert parse_manifest(data) == Manifest(
        kind="model",
        name="old-model",
        version="0.3.0",
        files=(
            FileEntry("README.md", 12, "1" * 64),
            FileEntry("data/weights.bin", 345, "2" * 64),
        ),
        metadata={"elements": ["C"], "cutoff": 4.0},
        parents=(Parent("older-model", "0.1.0", "3" * 64, ""),),
        licence="MIT",
    )


def test_a_newer_format_is_refused_with_advice():
    content = json.loads(manifest().to_bytes())
    with pytest.raises(IncompatibleError) as refusal:
        parse_manifest(json.dumps({**content, "format": 3}).encode())
    assert "format 3" in refusal.value.message
    assert "Update" in refusal.value.hint


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a\\b", "a\0b", "a\nb", "a/"]
)
def test_paths_stay_inside(path):
    with pytest.raises(IntegrityError, match="plain relative path"):
        manifest(files=(FileEntry(path, 1, SHA),)).to_bytes()


@pytest.mark.parametrize("other", ["a", "a/b", "a/b/c"])
def test_no_path_stands_twice_or_is_both_file_and_folder(other):
    files = (FileEntry("a", 1, SHA), FileEntry("a-b", 1, SHA), FileEntry(other, 2, SHA))
    with pytest.raises(IntegrityError, match="listed twice"):
        manifest(files=files).to_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "potato"},
        {"name": "A"},
        {"version": "1"},
        {"files": ()},
        {"files": (FileEntry("a", -1, SHA),)},
        {"files": (FileEntry("a", True, SHA),)},
        {"files": (FileEntry("a", 1, "A" * 64),)},
        {"metadata": {"error": float("nan")}},
        {"metadata": {"x": {1, 2}}},
        {"parents": (Parent("p", "1.0.0", "12", "r"),)},
        {"licence": None},
    ],
)
def test_a_wrong_manifest_is_not_written(changes):
    with pytest.raises(IntegrityError):
        manifest(**changes).to_bytes()


def test_many_threads_may_be_the_first_to_read_a_manifest():
    """msgspec by itself crashes once in a few processes."""
    code = """
import gc, sys
from threading import Barrier, Thread
from registry.manifest import FileEntry, Manifest
sys.setswitchinterval(1e-5)
gc.set_threshold(50)
barrier = Barrier(20)
manifest = Manifest("model", "mine", "1.0.0", (FileEntry("a", 1, "0" * 64),), {})
def write():
    barrier.wait()
    manifest.to_bytes()
threads = [Thread(target=write) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    for _ in range(5):
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
