"""Compare `hub pull` of a large version with `curl` and `sha256sum` of the same file.

    python -m tests.benchmarks pull [--megabytes 1000] [--turns 5] [--other CHECKOUT]

A registry on this machine is served by `python -m http.server`. In each turn one file of random
bytes is downloaded with `curl -o FILE URL && sha256sum FILE`, and pulled into a new cache as the
only large file of a version. Whole processes are timed. With `--other`, another checkout pulls it
in each turn, too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.request import urlopen

from registry.content import describe_directory
from registry.registry import Registry
from registry.stores.base import blob_path
from registry.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parents[2]
PIECE = 1_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--other", type=Path, help="Another checkout to compare with.")
    given = parser.parse_args()
    checkouts = [HERE, *([given.other.resolve()] if given.other else [])]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = publish(folder / "registry", folder / "content", given.megabytes)
        with served(folder / "registry") as address:
            ways = {"curl and sha256sum": lambda: curl(f"{address}/{path}", folder / "f")}
            for each in checkouts:
                ways[f"hub pull in {each}"] = partial(pull, each, address, folder)
            times: dict[str, list[float]] = {name: [] for name in ways}
            for turn in range(given.turns + 1):
                for name, measure in ways.items():
                    seconds = measure()
                    if turn:  # the first fills the page cache
                        times[name].append(seconds)
    reference = median(times["curl and sha256sum"])
    for name, found in times.items():
        rate = given.megabytes / median(found)
        print(
            f"{name:20} {median(found):6.2f} s ({min(found):.2f} to {max(found):.2f}), "
            f"{rate:5.0f} MB/s: {reference / median(found):.2f} of the rate (aim: at least 0.8)"
        )


def publish(root: Path, content: Path, megabytes: int) -> str:
    """Publish a version with one large file, and return the path of that in the registry."""
    content.mkdir()
    (content / "README.md").write_text("---\nlicense: mit\n---\n\n# Bytes\n")
    with (content / "weights.bin").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(PIECE))
    registry = Registry("bench", DirectoryStore(root))
    manifest = describe_directory(content, "bytes", "1.0.0", kind="model", metadata={})
    registry.publish(content, manifest)
    return blob_path(next(each.sha256 for each in manifest.files if each.path == "weights.bin"))


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, "--directory", str(root)], **quiet) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(100):
                try:
                    urlopen(f"{address}/registry.json").close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield address
        finally:
            server.terminate()


def curl(url: str, target: Path) -> float:
    """Return the seconds of a download and a checksum of what arrived."""
    target.unlink(missing_ok=True)
    return timed(["sh", "-c", f"curl -s -o '{target}' '{url}' && sha256sum '{target}'"], {})


def pull(checkout: Path, address: str, folder: Path) -> float:
    """Return the seconds of a pull into a new cache."""
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    variables = {"PYTHONPATH": str(checkout), "HUB_HOME": str(cache)}
    variables["HUB_REGISTRIES"] = f"bench={address}"
    return timed([sys.executable, "-m", "hub.cli.main", "pull", "bytes"], variables, checkout)


def timed(command: list[str], variables: dict[str, str], folder: Path | None = None) -> float:
    """Run a command and return its seconds."""
    environment = {**os.environ, **variables}
    os.sync()  # what another turn wrote is not written during this one
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
