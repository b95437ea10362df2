"""Publish a dataset that exists already, under a name of one's own or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.datasets.card import describe, summarise
from hub.datasets.dataset import Dataset
from hub.errors import PublishingError
from hub.huggingface.card import adapt_dataset_card, address_of
from hub.library import catalogue
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import join_front_matter, read_text, split_front_matter
from registry.files import files_below, place, scratch_directory
from registry.outputs import write_file
from registry.publishing import check_free, publish

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hub.library import OpenedVersion
    from registry.download import Progress
    from registry.versions import LocalVersion


def publish_copy(
    dataset: OpenedVersion,
    given: Mapping[str, str],
    *,
    to: str,
    private: bool = False,
    accept: bool = False,
    progress: Progress | None = None,
) -> LocalVersion:
    """Publish the files of a dataset as a version.

    Parameters
    ----------
    dataset
        Its directory, and the version that it is, if any.
    given
        What replaces entries of its card: ``name``, ``version``, ``license``, ``description``.
    to, private, accept, progress
        As for `hub.publish`.

    Raises
    ------
    PublishingError
        If it has no licence.
    RegistryError
        As `hub.publish` does.
    """
    names = catalogue()
    name, version = given["name"], given["version"]
    check_free(names, name, version, to)
    metadata, licence = _facts(dataset)
    licence = given.get("license", licence)
    if not licence:
        raise PublishingError(
            f"the dataset {dataset.path} has no licence", "Give --license, e.g. CC-BY-4.0."
        )
    metadata = {**metadata, "description": given.get("description", metadata["description"])}
    front_matter, body = _card(dataset.path, metadata)
    front_matter |= {**given, "kind": "dataset", "license": licence}
    with scratch_directory(names.local.files.parts) as content:
        for file in files_below(dataset.path):
            path = file.relative_to(dataset.path)
            if path.as_posix() != CARD_NAME:
                place(file, content / path, link=dataset.version is not None)
        write_file(content / CARD_NAME, join_front_matter(front_matter, body).encode())
        address = address_of(names, to)
        if address is not None:
            adapt_dataset_card(
                content / CARD_NAME, address, metadata.get("dataset", {}).get("structures")
            )
        return publish(
            names,
            content,
            name,
            version,
            kind="dataset",
            metadata=metadata,
            parents=dataset.version.manifest.parents if dataset.version else (),
            licence=licence,
            to=to,
            accept=accept,
            private=private,
            progress=progress,
        )


def _facts(dataset: OpenedVersion) -> tuple[dict[str, Any], str]:
    """Return the metadata and the licence of a dataset."""
    if dataset.version is not None:
        manifest = dataset.version.manifest
        return {**manifest.metadata, "description": manifest.description}, manifest.licence
    facts = summarise(Dataset(dataset.path))
    return {"description": describe(facts), "dataset": facts}, ""


def _card(directory: Path, metadata: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the card in a directory; a short one if there is none."""
    path = directory / CARD_NAME
    if path.is_file():
        return split_front_matter(read_text(path), str(path))
    return {"description": metadata["description"]}, f"{metadata['description']}.\n"
