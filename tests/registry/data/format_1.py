"""The script that wrote `format-1`, run with the last release whose indexes were of format 1.

It makes a registry with two names, and the cache of a machine that has published one version of its
own and pulled another.
"""

import sys
from pathlib import Path

from registry.builtin import Builtin
from registry.catalogue import Catalogue
from registry.local import LocalStore
from registry.publishing import publish
from registry.references import Reference
from registry.registry import Registry
from registry.stores.directory import DirectoryStore


def write(folder: Path, content: Path) -> None:
    """Fill an empty folder, from an empty folder for the files to be published."""
    lab = Registry("lab", DirectoryStore(folder / "registry"))
    catalogue = Catalogue(LocalStore(folder / "cache"), [lab], Builtin({}, {}))
    for number, (name, version, to) in enumerate(
        [
            ("theirs", "1.0.0", "lab"),
            ("theirs", "1.1.0", "lab"),
            ("other", "0.1.0", "lab"),
            ("own", "1.0.0", "local"),
        ]
    ):
        (content / "README.md").write_text("---\nlicense: mit\n---\n\n# A model\n")
        (content / "weights.bin").write_text(f"weights {number}")
        publish(
            catalogue,
            content,
            name,
            version,
            kind="model",
            metadata={"description": f"The {name} model"},
            licence="MIT",
            to=to,
        )
    catalogue.pull(Reference.parse("theirs"))


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
