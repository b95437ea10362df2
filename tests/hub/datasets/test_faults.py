"""Killed writers, damaged and missing shards, full disks, two writers at once."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.datasets import shards
from hub.datasets.dataset import Dataset
from hub.datasets.finishing import is_whole
from hub.datasets.writer import DatasetWriter
from hub.errors import DataError
from registry.errors import ExistsError, IntegrityError, StorageError
from tests.hub.datasets.conftest import LABEL_SETS, write
from tests.hub.datasets.test_dataset import files_of

ROOT = Path(__file__).parents[3]

# Writes six blocks; dies by SIGKILL before the n-th file is moved to its place.
CHILD = """
import sys
from pathlib import Path
from hub.datasets.writer import DatasetWriter
from tests.hub.datasets.conftest import LABEL_SETS, random_block, shrink
from tests.killing import die_before_move

directory, moves = Path(sys.argv[1]), int(sys.argv[2])
die_before_move(moves)
shrink()
with DatasetWriter(directory, LABEL_SETS, resume=True) as writer:
    print(writer.cursor)
    for number in range(0 if writer.cursor is None else writer.cursor + 1, 6):
        writer.append(random_block([20, 9, 4], number), number)
    writer.finish()
"""


def child(directory, moves):
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(directory), str(moves)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("moves", [1, 3, 8, 14, 20, 26, 33, 40, 48, 56, 62])
def test_a_killed_writer_goes_on_to_the_same_bytes(tmp_path, moves):
    assert child(tmp_path / "right", 0).returncode == 0
    killed = child(tmp_path / "killed", moves)
    assert killed.returncode == -signal.SIGKILL
    assert not is_whole(tmp_path / "killed")
    with pytest.raises(IntegrityError):
        Dataset(tmp_path / "killed")
    resumed = child(tmp_path / "killed", 0)
    assert resumed.returncode == 0, resumed.stderr
    if moves > 14:
        assert resumed.stdout.strip() != "None"  # it did not start from nothing
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "right")


def test_what_was_begun_otherwise_is_not_gone_on_with(tmp_path, blocks):
    with DatasetWriter(tmp_path, LABEL_SETS, source="a") as writer:
        writer.append(blocks[0], 0)
    for options in ({"source": "b"}, {"source": "a", "dtype": "float32"}):
        with (
            pytest.raises(DataError, match="with other options"),
            DatasetWriter(tmp_path, LABEL_SETS, resume=True, **options),
        ):
            pass
    # Without resuming, it starts again.
    write(tmp_path, blocks[1:])
    assert len(Dataset(tmp_path)) == 40


def test_two_writers_do_not_meet(tmp_path, blocks):
    with DatasetWriter(tmp_path, LABEL_SETS) as writer:
        with (
            pytest.raises(ExistsError, match="another process"),
            DatasetWriter(tmp_path, LABEL_SETS, resume=True),
        ):
            pass
        writer.append(blocks[0])
        writer.finish()
    with pytest.raises(ExistsError, match="already"), DatasetWriter(tmp_path, LABEL_SETS):
        pass


def test_a_full_disk_is_said_and_gone_on_from(tmp_path, blocks, monkeypatch):
    right = write(tmp_path / "right", blocks)
    really_write = shards.write_atomically
    left = 5

    def write_some(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise StorageError("cannot use it: " + os.strerror(errno.ENOSPC))
        really_write(*arguments)

    monkeypatch.setattr(shards, "write_atomically", write_some)
    directory = tmp_path / "full"

    def go_on():
        with DatasetWriter(directory, LABEL_SETS, resume=True) as writer:
            start = 0 if writer.cursor is None else writer.cursor + 1
            for number in range(start, 3):
                writer.append(blocks[number], number)
            writer.finish()

    with pytest.raises(StorageError, match="space"):
        go_on()
    left = 10**9
    go_on()
    assert files_of(directory) == files_of(right)


def shard(directory, which="labels/ace/forces/c/2/0"):
    return directory / "dataset.zarr" / which


def test_a_missing_shard_is_never_taken_for_zeros(directory):
    shard(directory).unlink()
    dataset = Dataset(directory)
    with pytest.raises(IntegrityError, match="labels/ace/forces/c/2/0 is missing from"):
        dataset.load("ace")
    assert len(dataset.load("lcbop")) == 60
    # Structures whose atoms are elsewhere can still be had.
    assert len(dataset.load("ace", where="n_atoms > 0 and time == 0")) == 3


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_shard_is_found(directory, keep):
    path = shard(directory)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(IntegrityError, match="truncated or corrupted"):
        Dataset(directory).load("ace")


def test_every_flipped_byte_is_found(directory):
    path = shard(directory)
    right = path.read_bytes()
    for position in range(0, len(right), 97):
        wrong = bytearray(right)
        wrong[position] ^= 1
        path.write_bytes(wrong)
        with pytest.raises(IntegrityError):
            Dataset(directory).load("ace")


def test_a_missing_chunk_is_found(directory):
    """The index of the shard says that a chunk was never written."""
    from google_crc32c import value as crc32c

    path = shard(directory)
    content = bytearray(path.read_bytes())
    index = content[-(4 * 16 + 4) : -4]
    index[16:32] = b"\xff" * 16
    path.write_bytes(content[: -(4 * 16 + 4)] + index + crc32c(bytes(index)).to_bytes(4, "little"))
    with pytest.raises(IntegrityError, match="chunk"):
        Dataset(directory).load("ace")


def test_damaged_metadata_is_said(directory):
    (directory / "dataset.zarr/labels/ace/forces/zarr.json").write_text("{")
    with pytest.raises(IntegrityError, match="labels/ace/forces"):
        Dataset(directory).load("ace")
