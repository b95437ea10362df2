"""Run a benchmark by its name: ``python -m tests.benchmarks NAME [options]``."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run the benchmark that the first argument names, or list all of them."""
    benchmarks = {
        path.stem.replace("_", "-"): path
        for path in sorted(Path(__file__).parent.glob("*.py"))
        if not path.stem.startswith("_")
    }
    name, *options = sys.argv[1:] or [""]
    if not name or name in ("-h", "--help"):
        print("python -m tests.benchmarks NAME [options]; --help after a name explains it\n")
        width = max(map(len, benchmarks))
        for each, path in benchmarks.items():
            print(f"{each:{width}}  {summary(path)}")
        return
    if name not in benchmarks:
        sys.exit(f"there is no benchmark {name!r}; there are {', '.join(benchmarks)}")
    sys.argv = [f"python -m tests.benchmarks {name}", *options]
    import_module(f"tests.benchmarks.{benchmarks[name].stem}").main()


def summary(path: Path) -> str:
    """Return the first line of a module's docstring, without importing the module."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


if __name__ == "__main__":
    main()
