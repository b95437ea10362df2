"""A model transferred to other elements, as a directory with a card that can be published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.alchemy.models import transmute_model
from hub.potentials.architectures import model_front_matter
from hub.potentials.directory import read_model, write_model
from registry.cards import FILE_NAME as CARD_NAME
from registry.cards import join_front_matter, read_text, split_front_matter
from registry.errors import ExistsError
from registry.files import scratch_directory, storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from hub.alchemy.search import Search
    from hub.alchemy.transmutation import Transmutation
    from hub.library import OpenedVersion
    from hub.potentials.config import PotentialConfig

RELATION = "transmuted"
_TERMS = ("license", "license_name", "license_note")


def write_transmuted(
    opened: OpenedVersion,
    transmutation: Transmutation,
    directory: Path,
    search: Search | None = None,
) -> PotentialConfig:
    """Write the directory of a model transferred to other elements, completely or not at all.

    Parameters
    ----------
    opened
        The model.
    transmutation
        Transmutation of its elements.
    directory
        A new or empty directory.
    search
        The search for the scales, if there was one, for the card.

    Returns
    -------
    The new configuration.

    Raises
    ------
    ExistsError
        If the directory is not empty.
    AlchemyError
        If a new element would replace several types.
    ModelError
        If the model does not reproduce its stored predictions, or the new one does not give the
        scaled predictions.
    StorageError
        If the disk is full or cannot be written.
    """
    made = transmute_model(read_model(opened.path), transmutation)
    with storage_errors(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
    with scratch_directory(directory.parent) as scratch:
        part = scratch / "model"
        with storage_errors(directory):
            part.mkdir()
            write_model(part, made)
            card = _card(opened, made.config, transmutation, search)
            (part / CARD_NAME).write_text(card, encoding="utf-8")
            if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
                raise ExistsError(f"{directory} is not empty", "Choose another --out.")
            part.replace(directory)
    return made.config


def _card(
    opened: OpenedVersion,
    config: PotentialConfig,
    transmutation: Transmutation,
    search: Search | None,
) -> str:
    name = opened.version.manifest.name if opened.version else opened.path.name
    description = f"{name} with {transmutation}; not trained afterwards"
    content: dict[str, Any] = {
        **model_front_matter(config, description),
        **_terms(opened.path / CARD_NAME),
        "transmutation": {"parent": opened.as_parent(RELATION), **transmutation.to_json()},
    }
    body = (
        f"# {description}\n\n"
        "E'(x') = eps E(x'/s) with length scale s and energy scale eps: the same function in other "
        "units, verified on small structures when the model was made. It is a starting point for "
        "fine-tuning, not a potential for these elements.\n"
    )
    if opened.version:
        content["base_model"] = name
    if search is not None:
        found = search.chosen.to_json()
        content["transmutation"]["found_by"] = {
            key: found[key] for key in ("unexplained", "energy_mae", "force_mae", "agreement")
        }
    return join_front_matter(content, body)


def _terms(card: Path) -> dict[str, Any]:
    """Return the licence of the original model from its card."""
    if not card.exists():
        return {}
    front_matter, _ = split_front_matter(read_text(card), str(card))
    return {key: front_matter[key] for key in _TERMS if key in front_matter}
