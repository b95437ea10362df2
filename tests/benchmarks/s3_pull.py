"""Compare `hub pull` from S3 with `curl` and `sha256sum` of the same object.

    python -m tests.benchmarks s3-pull [--megabytes 1000] [--turns 3]

The bucket is a folder behind a server on this machine that answers GET and HEAD as S3 does, and
sends files by `sendfile`: moto itself sends about as fast as it can be read from, which would
measure moto. In each turn one object of random bytes is downloaded with `curl -o FILE URL &&
sha256sum FILE`, and pulled into a new cache as the only large file of a version. Whole processes
are timed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.request import urlopen

from tests.benchmarks.pull import HERE, curl, publish, timed
from tests.registry.cloud_servers import BUCKET, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "ROOT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(int(given.serve[0]), Path(given.serve[1]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = publish(folder / "root" / BUCKET, folder / "content", given.megabytes)
        with served(folder / "root") as address:
            ways = {
                "curl and sha256sum": lambda: curl(f"{address}/{BUCKET}/{path}", folder / "f"),
                "hub pull from s3": lambda: pull(f"s3+{address}/{BUCKET}", folder),
            }
            times: dict[str, list[float]] = {name: [] for name in ways}
            for turn in range(given.turns + 1):
                for name, measure in ways.items():
                    seconds = measure()
                    if turn:  # the first fills the page cache
                        times[name].append(seconds)
    reference = median(times["curl and sha256sum"])
    for name, found in times.items():
        print(
            f"{name:20} {median(found):6.2f} s ({min(found):.2f} to {max(found):.2f}), "
            f"{given.megabytes / median(found):5.0f} MB/s: {reference / median(found):.2f} of the "
            "rate (aim: at least 0.8)"
        )


def pull(location: str, folder: Path) -> float:
    """Return the seconds of a pull into a new cache."""
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    variables = {"PYTHONPATH": str(HERE), "HUB_HOME": str(cache), "XDG_STATE_HOME": str(cache)}
    variables["HUB_REGISTRIES"] = f"bench={location}"
    return timed([sys.executable, "-m", "hub.cli.main", "pull", "bytes"], variables, HERE)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve folders as buckets in a process of their own, and yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.s3_pull", "--serve", str(port), str(root)]
    with subprocess.Popen(command, cwd=HERE) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    urlopen(f"{address}/{BUCKET}/registry.json").close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield address
        finally:
            server.terminate()


def serve(port: int, root: Path) -> None:
    """Answer GET and HEAD as S3 does, as far as downloads need it."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, directory=str(root), **options)

        def end_headers(self) -> None:
            self.send_header("ETag", '"of-no-meaning"')
            super().end_headers()

        def copyfile(self, source: object, _: object) -> None:
            self.wfile.flush()
            self.connection.sendfile(source)

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
