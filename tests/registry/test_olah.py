"""Pull from olah, a mirror of the Hub that others wrote, out of git repositories."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import closing, suppress
from urllib.request import urlopen

import pytest

from registry.errors import RegistryError
from registry.local import LocalStore
from registry.publishing import publish
from registry.references import Reference
from tests.hugging_face.fixtures import point_client_to

# It needs other releases of some packages, so it may be installed elsewhere.
OLAH = os.environ.get("OLAH") or shutil.which("olah-cli")
CONFIG = """
[basic]
host = "127.0.0.1"
port = {port}
ssl-key = ""
ssl-cert = ""
repos-path = "{folder}/cache"
mirrors-path = ["{folder}/mirrors"]

[accessibility]
offline = true
"""

pytestmark = pytest.mark.skipif(not OLAH, reason="olah-cli is not here; OLAH can name it")


@pytest.fixture
def published(hugging_face, make_catalogue, content, tmp_path):
    """Publish to our server, and mirror what it has then by git."""
    done = publish(
        make_catalogue(), content, "carbon", "1.0.0", kind="model", metadata={}, to="hf://lab"
    )
    folder = tmp_path / "mirrors" / "models" / "lab" / "carbon"
    for path, kept in hugging_face.repository("lab/carbon").head.files.items():
        if path != ".gitattributes":
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(kept.data)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
    for command in ("init -q -b main", "add .", "commit -qm x", "tag v1.0.0"):
        subprocess.run([*git, *command.split()], cwd=folder, check=True)
    return done


@pytest.fixture
def olah(tmp_path, monkeypatch, published):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = tmp_path / "olah.toml"
    file.write_text(CONFIG.format(port=port, folder=tmp_path))
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "HF_ENDPOINT": url}
    environment.pop("PYTHONPATH", None)
    with subprocess.Popen(
        [OLAH, "-c", str(file), "--log-path", str(tmp_path / "logs")],
        cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            _wait_for(url, process)
            point_client_to(url, monkeypatch, tmp_path / "hugging-face")
            monkeypatch.delenv("HF_TOKEN")
            yield url
        finally:
            process.terminate()


def _wait_for(url, process):
    for _ in range(600):
        with suppress(OSError):
            urlopen(f"{url}/api/models/lab/carbon/refs", timeout=5).close()
            return
        assert process.poll() is None, "olah has ended"
        time.sleep(0.2)
    pytest.fail("olah does not answer")


def test_what_we_published_is_pulled_from_a_server_of_others(
    olah, published, make_catalogue, tmp_path
):
    yours = make_catalogue(store=LocalStore(tmp_path / "yours"))
    pulled = yours.pull(Reference.parse("hf://lab/carbon"))
    assert pulled.digest == published.digest
    assert pulled.manifest.size == sum(
        path.stat().st_size for path in pulled.path.rglob("*") if path.is_file()
    )
    with pytest.raises(RegistryError):
        yours.pull(Reference.parse("hf://lab/nothing"))
