"""The commands about datasets."""

import signal
import time
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
from ase.io import read, write

from tests.cli.process import start
from tests.hub.datasets.test_importing import frames


@pytest.fixture
def xyz(tmp_path):
    write(tmp_path / "a.extxyz", frames(20))
    write(tmp_path / "b.extxyz", frames(20, shift=3.0))
    return tmp_path / "a.extxyz", tmp_path / "b.extxyz"


def test_a_dataset_from_import_to_export(command, xyz, tmp_path):
    first, second = xyz
    lab = tmp_path / "lab"
    made = ("--labels", "one", "--license", "MIT", "--teacher", "EMT")
    imported = command("import", first, "--name", "mine", *made, "--json").json
    assert imported["structures"] == 20
    command("import", second, "--name", "mine", "--version", "1.1.0", "--labels", "two", "--onto",
        "mine@1.0.0", "--to", lab)  # fmt: skip
    assert command("import", first, "--name", "mine", code=1).err.startswith("labels:")

    def reader(*arguments, code=0):
        return command(*arguments, code=code, HUB_HOME=tmp_path / "reader")

    reader("registry", "add", "lab", lab)
    pulled = reader("pull", "mine", "--labels", "two", "--json").json
    assert pulled["moved"] > 0
    assert pulled["saved"] > 0
    assert "not needed" in reader("pull", "mine@1", "--sample", "3", "--labels", "one").err
    shown = reader("show", "mine").out
    for text in ("20 structures of 3 to 8 atoms", "EMT", "r0 (10)", "licence  MIT", "labels/"):
        assert text in shown or text == "labels/"
    assert "no column 'nope'" in reader("pull", "mine", "--where", "nope > 1", code=1).err
    out = tmp_path / "out.extxyz"
    reader(
        "export",
        "mine",
        "--format",
        "extxyz",
        "--labels",
        "two",
        "--where",
        "step < 5",
        "--out",
        out,
    )
    energies = [atoms.get_potential_energy() for atoms in read(out, ":")]
    expected = [atoms.get_potential_energy() for atoms in read(second, ":5")]
    np.testing.assert_allclose(energies, expected)
    refused = reader("export", "mine", "--to", "lmdb", code=1).err
    assert refused.startswith("note: --to is now --format")
    assert "several label sets: one, two" in refused


def test_verify_names_the_structures(command, xyz):
    command("import", xyz[0], "--name", "mine")
    path = command("pull", "mine").out.strip()
    shard = Path(path) / "dataset.zarr/labels/reference/forces/c/0/0"
    content = bytearray(shard.read_bytes())
    content[10] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(content)
    done = command("verify", "--no-repair", code=4)
    assert "labels/reference/forces/c/0/0 contains structures 0 to 19" in done.out


@pytest.mark.slow
def test_a_killed_import_leaves_nothing_and_is_gone_on_with(command, home, tmp_path):
    path = tmp_path / "long.extxyz"
    write(path, frames(3000))
    child = start("import", path, "--name", "long", folder=tmp_path, stdout=PIPE, stderr=PIPE)
    work = home / "cache" / "parts" / "import-long-1.0.0" / "content" / "writing"
    deadline = time.monotonic() + 60
    while not (work / "settings.json").exists():
        assert child.poll() is None, child.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert "'long' not found" in command("pull", "long", code=3).err
    again = command("import", path, "--name", "long", "--resume", "--json")
    assert again.json["structures"] == 3000
    command("verify")
