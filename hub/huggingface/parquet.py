"""Publish a dataset on the Hugging Face Hub as Parquet files, for `datasets.load_dataset`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.errors import DataError
from hub.huggingface.card import TAG, hub_licence, size_category
from registry.cards import join_front_matter
from registry.errors import ExistsError, InvalidReferenceError
from registry.files import scratch_directory, storage_errors
from registry.huggingface.addresses import Address, split_address
from registry.huggingface.commits import OF_NEW_ONES, Commit
from registry.huggingface.repositories import MANIFEST, Repositories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from huggingface_hub.hf_api import RepoFile

    from hub.datasets.loaded import LoadedStructures
    from registry.download import Progress
    from registry.huggingface.repositories import State

LARGEST_FILE = 500 << 20  # bytes in memory; a file on the Hub is smaller
_FOLDER = "data"


@dataclass(frozen=True)
class About:
    """What the card of the exported dataset says.

    Attributes
    ----------
    source
        The reference or name of the dataset that is exported.
    labels
        Its label set.
    description, licence, citation
        As its own card has them.
    """

    source: str
    labels: str
    description: str
    licence: str
    citation: str = ""


def export_to_hub(
    pieces: Iterable[LoadedStructures],
    to: str,
    about: About,
    scratch: Path,
    *,
    offline: bool = False,
    private: bool = False,
    force: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    sending: Progress | None = None,
) -> str:
    """Write structures to Parquet files, and commit them with a card.

    Parameters
    ----------
    pieces
        The structures, as from `Dataset.pieces`.
    to
        ``hf://datasets/org/name``.
    about
        What the card says.
    scratch
        A folder in which to write the files before they are sent.
    offline
        Refuse to use the network.
    private
        Make a new repository private.
    force
        Replace an export that is there.
    progress
        Called with the number of structures written.
    sending
        Called with the number of bytes as they are sent, and the total.

    Returns
    -------
    The web page of the repository.

    Raises
    ------
    InvalidReferenceError
        If `to` is not the address of a dataset.
    ExistsError
        If the repository holds an export and `force` is not given, or something else.
    RegistryError
        As `hub.publish` does.
    """
    address, name = split_address(to)
    place = Address.parse(address)
    if place.kind != "dataset" or not name:
        raise InvalidReferenceError(
            f"{to} is not the address of a dataset", "Write hf://datasets/org/name."
        )
    repositories = Repositories(place, offline=offline)

    def outdated(_: State, listed: Mapping[str, RepoFile]) -> set[str]:
        old = {path for path in listed if path.startswith(f"{_FOLDER}/")}
        others = set(listed) - OF_NEW_ONES - old
        # The same export may have been interrupted.
        if others or (old and not force and not commit.is_held(listed)):
            raise _existing(repositories.client.page(name), sorted(others or old))
        return old - set(files)

    with scratch_directory(scratch) as folder, storage_errors(folder):
        n_structures, written = _write(pieces, folder, progress)
        files: dict[str, Path | bytes] = {f"{_FOLDER}/{path.name}": path for path in written}
        files["README.md"] = _card(to, name, about, n_structures).encode()
        message = f"Export {about.source}"
        commit = Commit(repositories, name, files, message, progress=sending)
        commit.create(private=private)
        commit.run(outdated)
    return repositories.client.page(name)


def _existing(page: str, files: list[str]) -> ExistsError:
    shown = ", ".join(files[:5]) + (", ..." if len(files) > 5 else "")
    if all(path.startswith(f"{_FOLDER}/") for path in files):
        return ExistsError(f"{page} contains other data: {shown}", "Replace it with --force.")
    what = "a version of mlip-hub" if MANIFEST in files else "other files"
    return ExistsError(f"{page} contains {what}: {shown}", "Export to another repository.")


def _write(
    pieces: Iterable[LoadedStructures],
    folder: Path,
    progress: Callable[[int, int | None], None] | None,
) -> tuple[int, list[Path]]:
    """Write Parquet files of bounded size; return the number of structures and the files."""
    n_structures, size = 0, 0
    tables: list[Any] = []
    parts: list[Path] = []
    for piece in pieces:
        table = _table(piece)
        if tables and size + table.nbytes > LARGEST_FILE:
            parts.append(_write_tables(tables, folder, len(parts)))
            tables, size = [], 0
        tables.append(table)
        size += table.nbytes
        n_structures += len(piece)
        if progress:
            progress(n_structures, None)
    if not n_structures:
        raise DataError("there are no structures to export", "Check --where and --sample.")
    parts.append(_write_tables(tables, folder, len(parts)))
    names = [f"train-{n:05d}-of-{len(parts):05d}.parquet" for n in range(len(parts))]
    files = [part.rename(folder / name) for part, name in zip(parts, names, strict=True)]
    return n_structures, files


def _table(piece: LoadedStructures) -> Any:
    """Return the Arrow table of a piece, with the types that Hugging Face's library reads."""
    found = piece.to_datasets()
    return found.data.table.replace_schema_metadata(found.features.arrow_schema.metadata)


def _write_tables(tables: list[Any], folder: Path, number: int) -> Path:
    import pyarrow.parquet as pq

    path = folder / f"{number}.part"
    # Groups of rows that can be read one by one: that is what streaming does.
    with pq.ParquetWriter(path, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table.cast(tables[0].schema))
    return path


def _card(to: str, name: str, about: About, n_structures: int) -> str:
    front_matter: dict[str, Any] = {
        **hub_licence(about.licence),
        "pretty_name": name,
        "tags": [TAG, "atomistic", "chemistry", "interatomic-potentials"],
        "size_categories": [size_category(n_structures)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": f"{_FOLDER}/train-*.parquet"}],
            }
        ],
    }
    repository = to.removeprefix("hf://datasets/")
    lines = [
        f"# {name}",
        "",
        f"{about.description.rstrip('.')}.",
        "",
        f"{n_structures:,} structures, one a row, exported by mlip-hub from {about.source}"
        + (f", label set {about.labels}. " if about.labels else ". ")
        + "Energies are in eV, forces in eV/Å, positions and cells in Å.",
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        f'rows = load_dataset("{repository}", split="train")  # or streaming=True',
        "```",
        "",
        f"`hub import {to} --reader datasets --name NAME` makes a dataset of mlip-hub from it.",
        "",
    ]
    if about.citation:
        lines += ["```bibtex", about.citation.strip(), "```", ""]
    return join_front_matter(front_matter, "\n".join(lines))
