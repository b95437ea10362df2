"""What all tests share."""

import json
import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

from hub.cli.main import main
from tests.hugging_face.fixtures import hugging_face  # noqa: F401 - a fixture
from tests.treasure import Treasure

# A busy machine is no failure: tests of hanging state deadlines of their own. By default the same
# examples are tried every time, so that a failure is the change's own; to look for new ones:
# pytest --hypothesis-profile=explore.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")

# Without an NVIDIA GPU, Triton's kernels are interpreted. It decides that when it is imported.
if not Path("/dev/nvidia0").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

ROOT = Path(__file__).parents[1]

# Started in the background by a shell, the tests would ignore Ctrl-C, and so would the programs
# that they start to interrupt them.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data that is not part of the repository."""
    path = Path(os.environ.get("MLIP_HUB_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip("the shared data is not here")
    return path


@pytest.fixture(scope="session")
def homes(tmp_path_factory) -> Iterator[Path]:
    """Return an iterator that makes new empty folders.

    `mktemp` looks through all folders of the session for a free number, which takes milliseconds
    when thousands of tests have made some.
    """
    parent = tmp_path_factory.mktemp("homes")

    def new() -> Iterator[Path]:
        for number in count():
            (parent / str(number)).mkdir()
            yield parent / str(number)

    return new()


@pytest.fixture(autouse=True)
def own_home(homes, monkeypatch):
    """Keep the settings and versions of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HUB_HOME", str(next(homes)))
    monkeypatch.setenv("XDG_STATE_HOME", str(next(homes)))
    # The servers of the tests are on this machine.
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content


@pytest.fixture
def hub(tmp_path, monkeypatch, capfd):
    """Return a function that runs the command line in a folder of this test's own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        code = left.value.code
        return Done(int(code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def command(hub, monkeypatch):
    """Return a function that runs a command, which has to end with the code that is expected.

    What is named beside the code is set in the environment of this command alone.
    """

    def run(*arguments: object, code: int = 0, **environment: object) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, str(value))
            done = hub(*arguments)
        assert done.code == code, done.err
        assert "Traceback" not in done.err
        return done

    return run


@pytest.fixture
def mirror(shared, monkeypatch) -> Path:
    """The published checkpoints, without any network."""
    upstream = shared / "upstream"
    if not (upstream / "nnp-pre-training" / "models").is_dir():
        pytest.skip("the published checkpoints are not here")
    monkeypatch.setenv("HUB_MIRROR", str(upstream))
    monkeypatch.setenv("HUB_OFFLINE", "1")
    return upstream


@pytest.fixture
def published(mirror, monkeypatch, tmp_path_factory) -> None:
    """The published checkpoints, each converted once for all tests that only read it."""
    session = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    monkeypatch.setenv("HUB_CACHE", str(session / "converted"))


@pytest.fixture(scope="session")
def random_directory(tmp_path_factory) -> Path:
    """A model directory with random weights."""
    from hub.potentials.directory import write_model
    from tests.hub.potentials.small import random_model

    directory = tmp_path_factory.mktemp("random-model")
    write_model(directory, random_model())
    return directory


@pytest.fixture(scope="session")
def dask_cluster():
    """Two worker processes, which begin in another directory than most tests."""
    distributed = pytest.importorskip("distributed", reason="needs mlip-hub[dask]")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def treasure(tmp_path):
    """Files of a user's own; whatever a test does, they have to be the same afterwards."""
    found = Treasure(tmp_path / "treasure")
    yield found
    found.assert_untouched()
