"""Open the Parquet files of a dataset repository on the Hugging Face Hub, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import DataError
from hub.settings import load_settings
from registry.errors import InvalidReferenceError
from registry.huggingface.addresses import Address, split_address
from registry.huggingface.repositories import MANIFEST, Repositories

if TYPE_CHECKING:
    import datasets

_ENDING = ".parquet"


def open_repository(place: str) -> list[tuple[str, datasets.Dataset]]:
    """Return the tables of a repository, one for each Parquet file, each with its name.

    Parameters
    ----------
    place
        ``hf://datasets/org/name``, followed by ``@`` and a branch, tag or commit if it is not the
        newest commit of the main branch.

    Raises
    ------
    InvalidReferenceError
        If it is not the address of a dataset.
    DataError
        If the repository has no Parquet files.
    IntegrityError
        If a file arrives with other bytes than the Hub lists.
    RegistryError
        As `hub.pull` does.
    """
    import datasets

    address, name = split_address(place.partition("@")[0])
    revision = place.partition("@")[2] or None
    parsed = Address.parse(address)
    if parsed.kind != "dataset" or not name:
        raise InvalidReferenceError(
            f"{place} is not the address of a dataset", "Write hf://datasets/org/name."
        )
    repositories = Repositories(parsed, offline=load_settings().offline)
    commit = repositories.commit(name, revision)
    files = repositories.files(name, commit)
    if MANIFEST in files:
        raise DataError(
            f"{repositories.client.page(name)} is a dataset of mlip-hub already",
            f"Get it with: hub pull {place}",
        )
    wanted = sorted(path for path in files if path.endswith(_ENDING))
    if not wanted:
        raise DataError(
            f"{repositories.client.page(name)} has no {_ENDING} files",
            "Give its name without hf:// to load it by the library `datasets`.",
        )
    datasets.disable_progress_bars()
    return [
        (
            f"{place}:{path}",
            datasets.Dataset.from_parquet(str(repositories.cached(name, commit, files[path]))),
        )
        for path in wanted
    ]
