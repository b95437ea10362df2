"""The part of a model card that is common to all models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.potentials.architectures import architecture_of

if TYPE_CHECKING:
    from hub.potentials.config import PotentialConfig


def model_front_matter(config: PotentialConfig, description: str) -> dict[str, Any]:
    """Return the front matter of a model card; the caller adds how the model was made."""
    library = architecture_of(config).library
    return {
        "kind": "model",
        "description": description,
        "library_name": library,
        "tags": ["interatomic-potential", library, *config.type_names],
        "model": config.card_entry(),
    }
