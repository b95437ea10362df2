"""Published label files: read as they are, and anything that would run code refused."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import DataError
from hub.importers.npz_labels import read_npz_labels


def write(path: Path, **arrays: object) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def ragged(rng: np.random.Generator, lengths: list[int]) -> np.ndarray:
    forces = np.empty(len(lengths), object)
    for index, length in enumerate(lengths):
        forces[index] = rng.normal(size=(length, 3))
    return forces


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_published_file_reads_as_numpy_reads_it(shared):
    path = shared / "upstream" / "nnp-pre-training" / "Si-GAP-18-scaled-to-C-dft-0.npz"
    if not path.is_file():
        pytest.skip("the published label file is not here")
    with np.load(path, allow_pickle=True) as published:
        energies, forces = published["energy"], published["force"]
    labels = read_npz_labels(path)
    assert len(labels) == 2474
    assert np.array_equal(labels.energies, energies)
    assert np.array_equal(labels.forces, np.concatenate(list(forces)))
    assert np.array_equal(np.diff(labels.pointers), [len(each) for each in forces])


def test_all_ways_to_save_the_same_labels_read_the_same(tmp_path):
    rng = np.random.default_rng(0)
    forces = ragged(rng, [4, 4, 4])
    stacked = np.stack(list(forces))
    energies = np.arange(3.0)
    ways = {
        "objects": forces,
        "floats": stacked,
        "objects of floats": stacked.astype(object),
        "fortran": np.asfortranarray(stacked),
        "big endian": stacked.astype(">f8"),
    }
    for name, way in ways.items():
        labels = read_npz_labels(write(tmp_path / f"{name}.npz", energy=energies, force=way))
        assert np.array_equal(labels.forces, stacked.reshape(-1, 3)), name
        assert labels.pointers.tolist() == [0, 4, 8, 12]
    single = ragged(rng, [2, 3])
    single[0] = np.asfortranarray(single[0]).astype(np.float32)
    labels = read_npz_labels(write(tmp_path / "f4.npz", energy=energies[:2], force=single))
    assert np.array_equal(labels.forces, np.concatenate([single[0], single[1]]))


def test_no_code_of_a_file_is_run(tmp_path):
    bombs = np.empty(2, object)
    bombs[:] = [Bomb(tmp_path / "ran"), Bomb(tmp_path / "ran")]
    path = write(tmp_path / "bomb.npz", energy=np.zeros(2), force=bombs)
    with pytest.raises(DataError, match=r"refers to .*touch|refers to pathlib") as failure:
        read_npz_labels(path)
    assert str(path) in failure.value.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "payload",
    [
        b"cos\nsystem\n(S'touch ran'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(tR.",
        pickle.dumps([1, 2]),
        pickle.dumps(os.getcwd),
        b"cnumpy\nndarray\n.",
        b"",
        b"\x80\x04",
    ],
)
def test_other_pickles_are_refused(tmp_path, payload):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    path = tmp_path / "evil.npz"
    with zipfile.ZipFile(path, "w") as archive:
        plain = io.BytesIO()
        np.save(plain, np.zeros(1))
        archive.writestr("energy.npy", plain.getvalue())
        archive.writestr("force.npy", header.getvalue() + payload)
    with pytest.raises(DataError, match="'force'"):
        read_npz_labels(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"energy": np.zeros(2)}, "no array 'force'"),
        ({"energy": np.zeros(3), "force": np.zeros((2, 4, 3))}, "3 energies"),
        ({"energy": np.zeros(2), "force": np.zeros((2, 4, 2))}, r"\[0\]: forces have shape"),
        ({"energy": np.zeros((2, 2)), "force": np.zeros((2, 4, 3))}, "shape"),
        ({"energy": np.zeros(2), "force": np.array(["a", "b"])}, "type"),
        (
            {"energy": np.zeros(2), "force": np.array(["a", "b"], object)},
            "does not contain numbers",
        ),
    ],
)
def test_other_arrays_are_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        read_npz_labels(write(tmp_path / "other.npz", **arrays))


def test_a_missing_or_cut_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_npz_labels(tmp_path / "none.npz")
    whole = write(tmp_path / "whole.npz", energy=np.zeros(2), force=np.zeros((2, 4, 3)))
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:300])
    with pytest.raises(DataError, match="not a complete"):
        read_npz_labels(tmp_path / "cut.npz")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_pickle_is_an_error_or_numbers(tmp_path_factory, data):
    content = pickle.dumps(ragged(np.random.default_rng(0), [2, 1]), protocol=3)
    damaged = bytearray(content)
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        damaged[position] = data.draw(st.integers(0, 255))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (2,)}
    )
    path = tmp_path_factory.mktemp("fuzz") / "labels.npz"
    with zipfile.ZipFile(path, "w") as archive:
        plain = io.BytesIO()
        np.save(plain, np.zeros(2))
        archive.writestr("energy.npy", plain.getvalue())
        archive.writestr("force.npy", header.getvalue() + bytes(damaged))
    try:
        labels = read_npz_labels(path)
    except DataError:
        return
    assert labels.forces.dtype == np.float64
    assert labels.forces.shape[1] == 3
