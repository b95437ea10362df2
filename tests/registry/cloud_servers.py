"""Object stores on the loopback interface: servers that others wrote, with a bucket each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from email.utils import formatdate
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUCKET = "models"
AMAZON = {
    "AWS_ACCESS_KEY_ID": "someone",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}
# The account that every Azurite has, whose key is in its documentation.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
AZURE = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}
ENVIRONMENT = {**AMAZON, **AZURE}

# Moto itself looks at a condition and writes in two steps, between which another thread may write.
_MOTO = """
import sys
from threading import Lock
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

application, lock = DomainDispatcherApplication(create_backend_app), Lock()

def one_at_a_time(environment, respond):
    with lock:
        return list(application(environment, respond))

run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time, threaded=True)
"""


def has_moto() -> bool:
    return all(find_spec(name) for name in ("moto", "flask", "obstore"))


def has_azurite() -> bool:
    return bool(shutil.which("azurite-blob") and find_spec("obstore"))


@contextmanager
def moto() -> Iterator[str]:
    """Run Amazon's S3 as moto imitates it; yield the address of the server."""
    port = free_port()
    with _running([sys.executable, "-c", _MOTO, str(port)], port):
        urlopen(Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")).close()
        yield f"http://127.0.0.1:{port}"


@contextmanager
def azurite() -> Iterator[str]:
    """Run Azure's blob storage as Azurite imitates it; yield the address of the account."""
    port = free_port()
    command = ["azurite-blob", "--inMemoryPersistence", "--silent", "--disableTelemetry"]
    command += ["--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with _running(command, port):
        server = f"http://127.0.0.1:{port}/{ACCOUNT}"
        _make_container(server)
        yield server


# Ends with the process that started it, even if that is killed: its standard input then closes.
_WATCHED = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
server.kill()
"""

SERVERS = {"s3": (has_moto, moto), "az": (has_azurite, azurite)}


def location(kind: str, server: str, prefix: str) -> str:
    return f"{kind}+{server}/{BUCKET}/{prefix}"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    watched = [sys.executable, "-c", _WATCHED, *command]
    process = subprocess.Popen(watched, stdin=subprocess.PIPE, start_new_session=True, **quiet)
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} does not start")
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _make_container(server: str) -> None:
    """Make the container, by a request that is signed with the account's key."""
    date, version = formatdate(usegmt=True), "2020-10-02"
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n"
    text += f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    headers: Mapping[str, str] = {
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
    }
    request = Request(f"{server}/{BUCKET}?restype=container", method="PUT", headers=headers)
    urlopen(request).close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
