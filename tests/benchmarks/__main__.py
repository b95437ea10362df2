"""Run a benchmark by its name: ``python -m tests.benchmarks NAME [options]``."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run the benchmark that the first argument names, or list all of them."""
    benchmarks = find()
    name, *options = sys.argv[1:] or [""]
    if not name or name in ("-h", "--help"):
        print("python -m tests.benchmarks NAME [options]; --help after a name explains it\n")
        width = max(map(len, benchmarks))
        for each, text in benchmarks.items():
            print(f"{each:{width}}  {text}")
        return
    if name not in benchmarks:
        sys.exit(f"there is no benchmark {name!r}; there are {', '.join(benchmarks)}")
    sys.argv = [f"python -m tests.benchmarks {name}", *options]
    import_module(f"tests.benchmarks.{name.replace('-', '_')}").main()


def find() -> dict[str, str]:
    """Return the first line about each benchmark by its name, without importing any."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        functions = {part.name for part in module.body if isinstance(part, ast.FunctionDef)}
        if "main" in functions:
            text = ast.get_docstring(module) or ""
            found[path.stem.replace("_", "-")] = text.partition("\n")[0]
    return found


if __name__ == "__main__":
    main()
