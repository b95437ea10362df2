"""`hub` beside a package that adds one of everything, built from the sources in `toy`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ase import Atoms
from ase.io import write

from tests.hub.structures.conftest import labelled

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Path:
    """The folder that the package `toy` is built from its sources and installed to."""
    folder = tmp_path_factory.mktemp("site-packages")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", folder], cwd=TOY, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def sentinel(tmp_path) -> Path:
    """What is there once anything of the package was imported."""
    return tmp_path / "imported"


@pytest.fixture
def trimer(tmp_path) -> Path:
    """A file with what the package's check takes for an error."""
    atoms = Atoms("Ar3", [[0, 0, 0], [3.8, 0, 0], [0, 3.9, 0]])
    forces = [[0.1, 0, 0], [-0.1, 0, 0], [0, 0, 0]]
    write(tmp_path / "argon.xyz", [labelled(atoms, -0.01, forces)])
    return tmp_path / "argon.xyz"


@pytest.fixture
def hub(toy, tmp_path, sentinel):
    """Return a function that runs `hub` where the package and those of a folder are installed."""

    def run(*arguments, code=0, also=tmp_path / "none", **environment):
        path = os.pathsep.join(map(str, (ROOT, toy, also)))
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *map(str, arguments)],
            env={
                **os.environ,
                "PYTHONPATH": path,
                "HUB_TOY_IMPORTED": str(sentinel),
                **environment,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def dimers(tmp_path) -> Path:
    """A file that only the package reads."""
    lines = [f"Ar {distance} -0.01 0.001" for distance in (3.4, 3.5, 3.7, 4.0)]
    (tmp_path / "dimers.txt").write_text("\n".join(lines))
    return tmp_path / "dimers.txt"
