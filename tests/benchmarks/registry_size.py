"""Compare a large registry with a small one: pulling, publishing, and publishing at once.

    python -m tests.benchmarks registry-size [--versions N]

A registry of 100,000 versions in 5,000 names is compared, in turn and in one run, with one of 10
versions: pulling a version, publishing one more, and 20 publishers at once. Pulls and publishes use
caches that are new each time. Medians; 20 at once are compared with 20 times a single publish.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.content import describe_directory, put_content
from registry.documents import digest_of
from registry.index import Entry, Row, names_bytes, page_bytes
from registry.local import LocalStore
from registry.publishing import publish
from registry.references import Reference
from registry.registry import Registry
from registry.stores.base import manifest_path
from registry.stores.directory import DirectoryStore

AT_ONCE = 20


def build(folder: Path, content: Path, versions: int, names: int) -> Registry:
    """Fill a registry faster than publishing does; every version has the same two files."""
    registry = Registry("lab", DirectoryStore(folder))
    registry.begin()
    per_name = versions // names
    first = describe_directory(content, "name-0", "1.0.0", kind="model", metadata={})
    put_content(registry.writable(), content, first)
    for number in range(names):
        rows = {}
        for minor in range(per_name):
            manifest = replace(first, name=f"name-{number}", version=f"1.{minor}.0")
            data = manifest.to_bytes()
            digest = digest_of(data)
            path = folder / manifest_path(digest)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            rows[manifest.version] = Row(digest, manifest.size)
        entry = Entry("model", f"The model {number}", rows, {"latest": f"1.{per_name - 1}.0"})
        page = folder / "index" / f"name-{number}.json"
        page.parent.mkdir(exist_ok=True)
        page.write_bytes(page_bytes(f"name-{number}", entry))
    (folder / "index.json").write_bytes(names_bytes({f"name-{n}" for n in range(names)}))
    return registry


class Machine:
    """A new cache for each thing that is done to a registry."""

    def __init__(self, registry: Registry, folder: Path, content: Path) -> None:
        self.registry, self.folder, self.content = registry, folder, content
        self.count = 0

    def catalogue(self, label: str = "") -> Catalogue:
        self.count += 1
        store = LocalStore(self.folder / f"cache-{label}{self.count}")
        return Catalogue(store, [self.registry], Builtin({}, {}.get))

    def pull(self) -> float:
        catalogue = self.catalogue()
        started = time.perf_counter()
        catalogue.pull(Reference("name-0", "1.0.0", "lab"))
        return time.perf_counter() - started

    def publish(self, version: str, name: str = "name-0", label: str = "") -> float:
        catalogue = self.catalogue(label)
        started = time.perf_counter()
        facts = {"kind": "model", "metadata": {}, "licence": "MIT"}
        publish(catalogue, self.content, name, version, **facts, to="lab")
        return time.perf_counter() - started

    def publish_at_once(self) -> float:
        """Return the wall time of 20 processes, each with a name of its own or a shared one."""
        context = multiprocessing.get_context("fork")
        barrier = context.Barrier(AT_ONCE + 1)

        def one(number: int) -> None:
            barrier.wait()
            self.publish(f"7.{number}.0", f"name-{number % 3}", label=f"at-once-{number}-")
            barrier.wait()

        processes = [context.Process(target=one, args=(n,)) for n in range(AT_ONCE)]
        for process in processes:
            process.start()
        barrier.wait()
        started = time.perf_counter()
        barrier.wait()
        took = time.perf_counter() - started
        for process in processes:
            process.join()
        return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--names", type=int, default=5_000)
    parser.add_argument("--turns", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        content = root / "content"
        content.mkdir()
        (content / "README.md").write_text("---\nlicense: mit\n---\n\n# A model\n")
        (content / "weights.bin").write_bytes(b"weights" * 1000)
        small = Machine(build(root / "small", content, 10, 2), root / "of-small", content)
        large = Machine(
            build(root / "large", content, given.versions, given.names), root / "of-large", content
        )
        machines = {"10": small, f"{given.versions:,}": large}
        pulls: dict[str, list[float]] = {label: [] for label in machines}
        publishes: dict[str, list[float]] = {label: [] for label in machines}
        for turn in range(given.turns):
            for label, machine in machines.items():
                pulls[label].append(machine.pull())
                publishes[label].append(machine.publish(f"3.{turn}.0"))
        at_once = {label: machine.publish_at_once() for label, machine in machines.items()}
    (few, many), rows = machines, []
    rows.append(("pull", median(pulls[few]), median(pulls[many]), "aim: at most 2"))
    rows.append(("publish", median(publishes[few]), median(publishes[many]), "aim: at most 3"))
    for what, first, second, aim in rows:
        print(
            f"{what:8} {1000 * first:7.1f} ms of {few} versions, {1000 * second:7.1f} ms of "
            f"{many}: {second / first:.2f} ({aim})"
        )
    single = median(publishes[many])
    print(
        f"{AT_ONCE} publishers at once {at_once[many]:.2f} s, {AT_ONCE} single publishes "
        f"{AT_ONCE * single:.2f} s: {at_once[many] / (AT_ONCE * single):.2f} (aim: at most 1)"
    )


if __name__ == "__main__":
    main()
