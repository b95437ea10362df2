"""Run the README, then guides, and write what their commands print into them.

``python .ci/document_outputs.py datasets models`` does so for these guides, without names for the
README and every guide. Outputs that are shortened with ``...`` stay as they are: the tests tell
where they have to change.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.fenced import moved, rewritten  # noqa: E402

README = ROOT / "README.md"
GUIDES = ROOT / "hub" / "guide"


def main() -> None:
    """Write the documents that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("guides", nargs="*", help="such as datasets; all and the README if none")
    names = parser.parse_args().guides
    wanted = [GUIDES / f"{name}.md" for name in names] or sorted(GUIDES.glob("*.md"))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "reader"
        home.mkdir()
        text = rewritten(README, home)
        if not names:
            README.write_text(text, encoding="utf-8")
        for guide in wanted:
            own = moved(home, Path(folder) / guide.stem)
            guide.write_text(rewritten(guide, own), encoding="utf-8")
            shutil.rmtree(own)


if __name__ == "__main__":
    main()
