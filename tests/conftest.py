"""What all tests share."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.treasure import Treasure

# A busy machine is no failure: tests of hanging state deadlines of their own. By default the same
# examples are tried every time, so that a failure is the change's own; to look for new ones:
# pytest --hypothesis-profile=explore.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")

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


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Keep the settings and versions of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HUB_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    # The servers of the tests are on this machine.
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def mirror(shared, monkeypatch) -> Path:
    """The published checkpoints, without any network."""
    upstream = shared / "upstream"
    if not (upstream / "nnp-pre-training" / "models").is_dir():
        pytest.skip("the published checkpoints are not here")
    monkeypatch.setenv("HUB_MIRROR", str(upstream))
    monkeypatch.setenv("HUB_OFFLINE", "1")
    return upstream


@pytest.fixture(scope="session")
def random_directory(tmp_path_factory) -> Path:
    """A model directory with random weights."""
    from hub.potentials.directory import write_model
    from tests.hub.potentials.small import random_model

    directory = tmp_path_factory.mktemp("random-model")
    write_model(directory, random_model())
    return directory


@pytest.fixture
def treasure(tmp_path):
    """Files of a user's own; whatever a test does, they have to be the same afterwards."""
    found = Treasure(tmp_path / "treasure")
    yield found
    found.assert_untouched()
