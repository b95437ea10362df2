"""The commands about datasets, as processes of their own."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.io import read, write

from tests.cli.test_registry_commands import ROOT, Hub
from tests.hub.datasets.test_importing import frames


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path / "home")


@pytest.fixture
def xyz(tmp_path):
    write(tmp_path / "a.extxyz", frames(20))
    write(tmp_path / "b.extxyz", frames(20, shift=3.0))
    return tmp_path / "a.extxyz", tmp_path / "b.extxyz"


def test_a_dataset_from_import_to_export(hub, xyz, tmp_path):
    first, second = xyz
    lab = tmp_path / "lab"
    imported = hub.json(
        "import", first, "--name", "mine", "--labels", "one", "--license", "MIT", "--teacher", "EMT"
    )
    assert imported["structures"] == 20
    hub("import", second, "--name", "mine", "--version", "1.1.0", "--labels", "two", "--onto",
        "mine@1.0.0", "--to", lab)  # fmt: skip
    assert hub("import", first, "--name", "mine", code=1).stderr.startswith("labels:")

    reader = Hub(tmp_path / "reader")
    reader("registry", "add", "lab", lab)
    pulled = reader.json("pull", "mine", "--labels", "two")
    assert pulled["moved"] > 0
    assert pulled["saved"] > 0
    assert "not needed" in reader("pull", "mine@1", "--sample", "3", "--labels", "one").stderr
    shown = reader("show", "mine").stdout
    for text in ("20 structures of 3 to 8 atoms", "EMT", "r0 (10)", "licence  MIT", "labels/"):
        assert text in shown or text == "labels/"
    assert "no column 'nope'" in reader("pull", "mine", "--where", "nope > 1", code=1).stderr
    out = tmp_path / "out.extxyz"
    reader(
        "export", "mine", "--to", "extxyz", "--labels", "two", "--where", "step < 5", "--out", out
    )
    energies = [atoms.get_potential_energy() for atoms in read(out, ":")]
    expected = [atoms.get_potential_energy() for atoms in read(second, ":5")]
    np.testing.assert_allclose(energies, expected)
    assert "several label sets: one, two" in reader("export", "mine", "--to", "lmdb", code=1).stderr


def test_verify_names_the_structures(hub, xyz):
    hub("import", xyz[0], "--name", "mine")
    path = hub("pull", "mine").stdout.strip()
    shard = f"{path}/dataset.zarr/labels/reference/forces/c/0/0"
    with open(shard, "rb") as file:  # noqa: PTH123
        content = bytearray(file.read())
    content[10] ^= 1
    subprocess.run(["chmod", "u+w", shard], check=True)
    with open(shard, "wb") as file:  # noqa: PTH123
        file.write(content)
    done = hub("verify", "--no-repair", code=4)
    assert "labels/reference/forces/c/0/0 holds structures 0 to 19" in done.stdout


@pytest.mark.slow
def test_a_killed_import_leaves_nothing_and_is_gone_on_with(hub, tmp_path):
    path = tmp_path / "long.extxyz"
    write(path, frames(3000))
    command = [sys.executable, "-m", "hub.cli.main", "import", str(path), "--name", "long"]
    child = subprocess.Popen(
        command, env=hub.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    work = hub.home / "cache" / "parts" / "import-long-1.0.0" / "content" / "writing"
    deadline = time.monotonic() + 60
    while not (work / "settings.json").exists():
        assert child.poll() is None, child.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert "no 'long'" in hub("pull", "long", code=3).stderr
    assert hub.json("import", path, "--name", "long", "--resume")["structures"] == 3000
    hub("verify")
