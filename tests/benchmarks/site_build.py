"""Build the web catalogue of a registry with many versions: time, pages and size."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from hub.site.building import build_site
from tests.hub.site.many import many


def main() -> None:
    """Print the time to build, and what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=5000)
    parser.add_argument("--keep", type=Path, help="write the site to this folder, and keep it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        registry = many(Path(scratch) / "many", options.versions)
        out = options.keep or Path(scratch) / "site"
        start, cpu = time.perf_counter(), time.process_time()
        built = build_site(out, registries=[str(registry)])
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{built.n_versions:,} versions in {seconds:.1f} s ({cpu:.1f} s of CPU)")
    print(f"{size / 1e6:.1f} MB")
    for problem in built.problems[:5]:
        print(problem)
    if seconds > 60 and options.versions <= 5000:
        raise SystemExit("it took more than a minute")


if __name__ == "__main__":
    main()
