"""A Hub on this machine in place of the real one."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.hugging_face.server import HuggingFace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def hugging_face(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HuggingFace]:
    """Serve an empty Hub, and point the client in this process and in its children to it."""
    pytest.importorskip("huggingface_hub")
    with HuggingFace() as hub:
        point_client_to(hub.url, monkeypatch, tmp_path_factory.mktemp("hugging-face"))
        monkeypatch.setenv("HF_TOKEN", "hf_writer")
        do_not_wait(monkeypatch)
        yield hub
        from huggingface_hub.utils import close_session

        close_session()


def point_client_to(url: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Let the client of the Hub, in this process and in its children, ask another server."""
    from huggingface_hub import constants

    settings = {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # It read its environment when it was imported.
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))


def do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client retry at once."""
    from huggingface_hub import file_download
    from huggingface_hub.utils import _http

    hasty = SimpleNamespace(sleep=lambda _: None, time=time.time, monotonic=time.monotonic)
    for module in (file_download, _http):
        monkeypatch.setattr(module, "time", hasty)
