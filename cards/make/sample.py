"""Make a small sample of a dataset, to come with the package.

    python cards/make/sample.py NAME@VERSION --structures N --to REGISTRY

The sample has no labels and the precision of float32: it says what a model that was trained on the
dataset has seen, where the dataset itself is not at hand (`hub overlap`). It is called NAME-sample,
and is the same whenever it is made from the same version.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from hub.datasets.blocks import Block
from hub.datasets.card import Description
from hub.datasets.dataset import Dataset
from hub.datasets.making import Content, make_dataset
from hub.evaluation.overlap_source import SAMPLE
from hub.library import open_version
from registry.errors import RegistryError
from registry.manifest import Parent

if TYPE_CHECKING:
    from registry.versions import LocalVersion


def main() -> None:
    """Make the sample that the command line asks for, and print its reference and digest."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", metavar="NAME@VERSION")
    parser.add_argument("--structures", type=int, default=300, metavar="N")
    parser.add_argument("--to", default="local", metavar="REGISTRY")
    given = parser.parse_args()
    try:
        made = sample(given.dataset, given.structures, given.to)
    except RegistryError as problem:
        sys.exit(f"error: {problem.message}\n{problem.hint}".rstrip())
    print(f"{made.reference} sha256:{made.digest} {made.manifest.size / 1e6:.2f} MB")


def sample(name: str, count: int, to: str) -> LocalVersion:
    """Publish a random sample of the structures of a dataset, and return it."""
    opened = open_version(name)
    if opened.version is None:
        sys.exit(f"{name} is a directory: give a published version")
    of, dataset = opened.version.manifest, Dataset(opened.path, name)
    structures = dataset.load("", sample=count)
    block = Block(structures, {}, structures.structure_extras, structures.atom_extras)
    content = Content(
        blocks=lambda cursor: iter(() if cursor else [(1, block)]),
        label_sets={},
        dtype="float32",
        begun=[opened.version.digest, count],
        parents=(Parent(**opened.as_parent(SAMPLE)),),
    )
    text = f"{len(structures):,} of the {len(dataset):,} structures of {of.name}@{of.version}"
    made, _ = make_dataset(
        content,
        f"{of.name}-sample",
        of.version,
        work="sample",
        to=to,
        description=Description(f"{text}, chosen at random, without labels", of.licence),
    )
    return made


if __name__ == "__main__":
    main()
