"""Packages that are damaged or made to harm: refused, without executing them or filling memory."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import IncompatibleModelError, ModelError
from hub.potentials.nequip.importing import import_package
from hub.potentials.nequip.package import read_package
from hub.potentials.nequip.rebuilding import rebuild
from registry.documents import MalformedError
from registry.errors import RegistryError
from tests.hub.potentials.nequip.packages import stock_package
from tests.mutations import outcome

METADATA = b"package_version_id: 2\navailable_models: [eager]\n"
MODEL = "model/eager_model.pkl"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The entries of a package, by their names."""
    path = stock_package(tmp_path_factory.mktemp("sound") / "sound.nequip.zip")
    with zipfile.ZipFile(path) as archive:
        return {
            entry.filename: archive.read(entry)
            for entry in archive.infolist()
            if "/model/" in entry.filename or "/.data/" in entry.filename
        }


def package_of(path, **changes):
    """Write the entries of a package in the folder ``x``; None leaves one out."""
    entries = {
        "x/model/package_metadata.txt": METADATA, "x/model/config.yaml": b"", **changes
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def refusal(path):
    with pytest.raises((ModelError, IncompatibleModelError)) as caught:
        read_package(path)
    assert str(path) in caught.value.message
    return caught.value.message


@pytest.mark.slow
@settings(max_examples=40)
@given(data=st.data())
def test_any_change_is_read_or_refused(data, sound, tmp_path_factory):
    """What is read is built only if it is what NequIP builds, so that this ends soon."""
    path = tmp_path_factory.mktemp("changed") / "changed.nequip.zip"
    name = next(name for name in sound if name.endswith(MODEL))
    content = bytearray(sound[name])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    with zipfile.ZipFile(path, "w") as archive:
        for each, value in (sound | {name: bytes(content)}).items():
            archive.writestr(each, value)
    try:
        package = read_package(path)
        rebuild(package.model, "")
    except (RegistryError, MalformedError):
        pass
    finally:
        path.unlink()


@pytest.mark.slow
@settings(max_examples=60)
@given(data=st.data())
def test_any_damage_of_the_archive_is_read_or_refused(data, sound, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / "damaged.nequip.zip"
    with zipfile.ZipFile(path, "w", data.draw(st.sampled_from([0, 8]))) as archive:
        for name, value in sound.items():
            archive.writestr(name, value)
    content = bytearray(path.read_bytes())
    start = data.draw(st.sampled_from([0, len(content) - 9_000]))  # the table is at the end
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(start, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: len(content) - data.draw(st.sampled_from([0, 0, 1, 500]))])
    outcome(lambda: read_package(path), RegistryError, path)
    path.unlink()


@given(content=st.binary(max_size=300))
def test_what_is_no_archive_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("no") / "archive.nequip.zip"
    path.write_bytes(content)
    assert "is corrupted" in refusal(path)


def test_what_is_missing_is_said(tmp_path):
    path = tmp_path / "model.nequip.zip"
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_package(path)
    path.mkdir()
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_package(path)
    path.rmdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "expected one model/package_metadata.txt in the archive, found 0" in refusal(path)
    assert "model/eager_model.pkl is missing" in refusal(package_of(path))
    two = package_of(path, **{"y/model/package_metadata.txt": METADATA})
    assert "expected one model/package_metadata.txt in the archive, found 2" in refusal(two)
    for metadata in (
        b"",
        b"[",
        b"a: &a [*a]",
        b"package_version_id: many",
        b"\xff\xfe",
        b"!!map 3",
    ):
        wrong = package_of(path, **{"x/model/package_metadata.txt": metadata})
        assert "is corrupted" in refusal(wrong)


class Module:
    """What stands in the pickles below for a class of NequIP's."""

    def __init__(self, **state):
        self.__dict__.update(state)


def endless():
    network = Module()
    network._modules = {"sole_model": network}
    return network


def many():
    """Return modules that contain one another, many times over."""
    inner = Module()
    for _ in range(25):
        inner = Module(_modules={"sole_model": inner, "other": inner})
    return inner


WRONG = {
    "no module": [1, 2],
    "a number": 3,
    "no names": Module(_modules={1: Module()}),
    "no state": Module(_modules=7),
    "no tensor": Module(_modules={"sole_model": Module(_buffers={"one": 1})}),
    "itself": endless(),
    "too many": many(),
}


@pytest.mark.parametrize("case", WRONG)
def test_models_that_are_none_are_refused(case, tmp_path):
    content = pickle.dumps(WRONG[case], protocol=3)
    path = package_of(tmp_path / "model.nequip.zip", **{f"x/{MODEL}": content})
    assert "is corrupted" in refusal(path)


def test_tensors_stay_within_their_numbers(tmp_path):
    """A tensor of a few numbers may claim any shape and stride."""
    import torch

    from hub.potentials.nequip.package import describe
    from hub.potentials.nequip.pickles import External, Made, Name

    def tensor(offset, shape, strides):
        maker = Name("torch._utils", "_rebuild_tensor_v2")
        found = Made(maker, (External("here"), offset, shape, strides, False, None))
        state = {"_buffers": {"one": found}}
        root = Made(Name("somebody", "Module"), (), state)
        return describe(root, lambda _: torch.arange(6.0)).tensors["one"]

    assert tensor(0, (2, 3), (3, 1)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensor(1, (2, 2), (1, 2)).tolist() == [[1, 3], [2, 4]]
    assert tensor(6, (0,), (1,)).shape == (0,)
    for wrong in (
        (1, (2, 3), (3, 1)), (0, (2**40,), (0,)), (0, (2**40, 0), (1, 1)), (-1, (2,), (1,)),
        (0, (2,), (-1,)), (0, (2, 3), (1,)), (0, (2.0,), (1,)), (0, (True,), (1,)),
        (0, (-1, -1), (1, 1)), (0, (1,) * 100, (1,) * 100),
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            tensor(*wrong)


def test_archives_that_unpack_to_more_than_any_model_are_refused(tmp_path, sound):
    name = next(name for name in sound if name.endswith(MODEL))
    path = tmp_path / "bomb.nequip.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in sound.items():
            archive.writestr(each, bytes(100 << 20) if each == name else content)
    assert path.stat().st_size < 2 << 20
    tracemalloc.start()
    try:
        assert "maximum 67,108,864" in refusal(path)
        lie = path.read_bytes().replace(struct.pack("<I", 100 << 20), struct.pack("<I", 100))
        path.write_bytes(lie)
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_archives_with_too_many_entries_are_refused(tmp_path):
    path = tmp_path / "many.nequip.zip"
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    count = 400_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65_535, 65_535, count * 47, 0, 0)
    path.write_bytes((entry + b"x") * count + end)
    tracemalloc.start()
    try:
        assert "too many entries for a package" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_numbers_that_unpack_to_more_than_any_model_are_refused(tmp_path, sound, monkeypatch):
    from hub.potentials.nequip import package

    monkeypatch.setattr(package, "LARGEST_NUMBERS", 1000)
    path = tmp_path / "model.nequip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sound.items():
            archive.writestr(name, content)
    assert ".storage is too large" in refusal(path)


def test_unusual_compression_and_encryption_are_refused(tmp_path, sound):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = tmp_path / f"{method}.nequip.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in sound.items():
                archive.writestr(name, content)
        assert "unsupported method" in refusal(path)
    path = package_of(tmp_path / "secret.nequip.zip")
    content = bytearray(path.read_bytes())
    for place in (6, content.index(b"PK\1\2") + 8):
        content[place] |= 1  # encrypted
    path.write_bytes(content)
    assert "is corrupted" in refusal(path)


def test_a_checksum_that_does_not_fit_is_refused(tmp_path, sound):
    name = next(name for name in sound if name.endswith(".storage") and len(sound[name]) > 100)
    path = tmp_path / "model.nequip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in sound.items():
            archive.writestr(each, content)
    data = path.read_bytes()
    assert data.count(sound[name]) == 1
    assert zlib.crc32(sound[name])
    path.write_bytes(data.replace(sound[name], bytes(len(sound[name]))))
    directory = tmp_path / "model"
    directory.mkdir()
    with pytest.raises(ModelError, match="Bad CRC-32"):
        import_package(path, directory)
    assert not list(directory.iterdir())
