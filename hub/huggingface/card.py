"""Cards with what the Hugging Face Hub shows and searches: licence, parents, data, errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from registry.cards import join_front_matter, read_text, split_front_matter
from registry.huggingface.addresses import SCHEME, Address, is_address, split_address
from registry.huggingface.registry import HuggingFaceRegistry
from registry.origins import Origin
from registry.outputs import write_file
from registry.publishing import target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from registry.catalogue import Catalogue
    from registry.manifest import Parent

TAG = "mlip-hub"
LIBRARY = "mlip-hub"

# The Hub's identifiers of licences, where they are not the SPDX identifier in lower case.
_LICENCES = {
    "gpl-2.0-only": "gpl-2.0",
    "gpl-2.0-or-later": "gpl-2.0",
    "gpl-3.0-only": "gpl-3.0",
    "gpl-3.0-or-later": "gpl-3.0",
    "agpl-3.0-only": "agpl-3.0",
    "agpl-3.0-or-later": "agpl-3.0",
    "lgpl-2.1-only": "lgpl-2.1",
    "lgpl-3.0-only": "lgpl-3.0",
}
_SAME = frozenset(
    [
        "0bsd",
        "apache-2.0",
        "mit",
        "bsd-2-clause",
        "bsd-3-clause",
        "isc",
        "zlib",
        "unlicense",
        "bsl-1.0",
        "mpl-2.0",
        "epl-2.0",
        "cc0-1.0",
        "cc-by-2.0",
        "cc-by-2.5",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc-by-nc-2.0",
        "cc-by-nc-3.0",
        "cc-by-nc-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-nd-3.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0",
        "gpl-2.0",
        "gpl-3.0",
        "agpl-3.0",
        "lgpl-2.1",
        "lgpl-3.0",
        "pddl",
    ]
)
_METRICS = {
    "energy_rmse": ("rmse", "Energy RMSE (meV/atom)"),
    "energy_mae": ("mae", "Energy MAE (meV/atom)"),
    "force_rmse": ("rmse", "Force RMSE (eV/Å)"),
    "force_mae": ("mae", "Force MAE (eV/Å)"),
    "stress_rmse": ("rmse", "Stress RMSE (GPa)"),
    "stress_mae": ("mae", "Stress MAE (GPa)"),
}
_SIZES = (
    *((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")),
    (10_000_000, "1M<n<10M"),
)


def address_of(names: Catalogue, to: str) -> Address | None:
    """Return the address on the Hub where something is to be published; None if elsewhere."""
    registry = target(names, to)
    return registry.address if isinstance(registry, HuggingFaceRegistry) else None


def model_card(
    names: Catalogue,
    address: Address,
    front_matter: Mapping[str, Any],
    body: str,
    parents: Iterable[Parent],
) -> tuple[dict[str, Any], str]:
    """Return the card of a model with what the Hub looks for.

    Parameters
    ----------
    names
        Knows which parents are on the Hub.
    address
        The organisation that it is published by.
    front_matter, body
        Its own card.
    parents
        The versions from which it was made.
    """
    name, version = front_matter["name"], front_matter["version"]
    bases = [each for parent in parents if (each := _repository(names, parent))]
    training = front_matter.get("training") or {}
    own = {k: v for k, v in front_matter.items() if k not in ("base_model", "license")}
    added: dict[str, Any] = {
        **hub_licence(str(front_matter["license"]), str(front_matter.get("license_name", ""))),
        "library_name": LIBRARY,
        "tags": _tags(front_matter, ["interatomic-potential"]),
    }
    if bases:
        added |= {"base_model": bases, "base_model_relation": "finetune"}
    if data := _datasets(training):
        added["datasets"] = data
    if results := _model_index(front_matter):
        added["model-index"] = results
    reference = f"{address}/{name}@{version}"
    usage = [
        "## Use it",
        "",
        "```bash",
        f"pip install 'mlip-hub[huggingface]' && hub pull {reference}",
        "```",
        "",
        "```python",
        "import hub",
        "",
        f'atoms.calc = hub.calculator("{reference}")',
        "```",
        "",
    ]
    return own | added, "\n".join([body.rstrip("\n"), "", *usage])


def dataset_card(
    address: Address, front_matter: Mapping[str, Any], body: str, n_structures: int | None
) -> tuple[dict[str, Any], str]:
    """Return the card of a dataset in this package's own form with what the Hub looks for."""
    name, version = front_matter["name"], front_matter["version"]
    own = {key: value for key, value in front_matter.items() if key != "license"}
    added = {
        **hub_licence(
            str(front_matter.get("license", "")), str(front_matter.get("license_name", ""))
        ),
        "pretty_name": name,
        "tags": _tags(front_matter, ["atomistic"]),
        "viewer": False,  # the Hub cannot show Zarr
    }
    if n_structures is not None:
        added["size_categories"] = [size_category(n_structures)]
    install = "pip install 'mlip-hub[huggingface]'"
    pull = f"Get it with `hub pull {address}/{name}@{version}` (`{install}`)."
    return own | added, "\n".join([body.rstrip("\n"), "", pull, ""])


def adapt_dataset_card(path: Path, address: Address, n_structures: int | None) -> None:
    """Rewrite the card of a dataset with what the Hub looks for."""
    front_matter, body = split_front_matter(read_text(path), str(path))
    front_matter, body = dataset_card(address, front_matter, body, n_structures)
    write_file(path, join_front_matter(front_matter, body).encode())


def hub_licence(licence: str, name: str = "") -> dict[str, str]:
    """Return the Hub's fields for a licence, ``other`` with a name unless the Hub knows it."""
    known = _LICENCES.get(licence.lower(), licence.lower())
    if known in _SAME:
        return {"license": known}
    if not licence:
        return {"license": "unknown"}
    return {"license": "other", "license_name": name or licence}


def size_category(n_structures: int) -> str:
    """Return the Hub's category for a number of rows."""
    return next((text for limit, text in _SIZES if n_structures < limit), "n>10M")


def _tags(front_matter: Mapping[str, Any], usual: list[str]) -> list[str]:
    stated = front_matter.get("tags")
    given = [str(each) for each in stated] if isinstance(stated, list) else []
    return list(dict.fromkeys([TAG, *usual, *given]))


def _repository(names: Catalogue, parent: Parent) -> str:
    """Return the repository on the Hub that a parent was pulled from; empty if there is none."""
    for index in names.local.indexes():
        address = _address(names, index.name, index.key)
        entry = index.entry(parent.name) if address else None
        row = entry.versions.get(parent.version) if entry else None
        if address and row and row.digest == parent.digest:
            return address.repository(parent.name)
    return ""


def _address(names: Catalogue, name: str, key: str) -> Address | None:
    """Return the address on the Hub of an origin of versions on this machine."""
    if is_address(name):
        return Address.parse(name)
    for registry in names.registries:
        if isinstance(registry, HuggingFaceRegistry) and Origin.of(registry).key == key:
            return registry.address
    return None


def _datasets(training: Mapping[str, Any]) -> list[str]:
    """Return the repositories of the data that a model was trained on."""
    data = training.get("data") or {}
    place = str(data.get("dataset", "")).partition("@")[0]
    if not place.startswith(f"{SCHEME}datasets/"):
        return []
    address, name = split_address(place)
    return [Address.parse(address).repository(name)]


def _model_index(front_matter: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the measured errors in the Hub's form."""
    measured = front_matter.get("measured_errors") or {}
    errors = (measured.get("after") or {}).get("all structures") or {}
    metrics = [
        {"type": kind, "name": title, "value": errors[key]}
        for key, (kind, title) in _METRICS.items()
        if isinstance(errors.get(key), int | float) and math.isfinite(errors[key])
    ]
    if not metrics:
        return []
    data = (front_matter.get("training") or {}).get("data") or {}
    files = [str(each) for each in data.get("files", ())]
    title = f"{', '.join(files) or 'data of the publisher'} ({measured.get('set', 'test')} set)"
    result = {
        "task": {"type": "other", "name": "Energies and forces"},
        "dataset": {"type": "other", "name": title, "split": str(measured.get("set", "test"))},
        "metrics": metrics,
    }
    return [{"name": front_matter["name"], "results": [result]}]
