"""What a converted model takes from its card: the file does not say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from hub.potentials.directory import write_model
from hub.potentials.probe import read_probe
from hub.schemas import Elements
from registry.documents import WRONG, damage, fit
from registry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.potentials.potential import Potential
    from registry.builtin import Importer
    from registry.cards import Card


class ModelFacts(Struct):
    """The part of a card's ``model`` section that the file does not contain.

    Attributes
    ----------
    energy_reference
        What an energy of zero means.
    elements
        The elements that the model was trained for.
    level_of_theory
        Of the labels that it was trained on.
    modal
        Of a model for several levels of theory, the one that the card is for.
    """

    energy_reference: str
    elements: Elements
    level_of_theory: str = ""
    modal: str = ""


def importer_by(convert: Callable[[Path, ModelFacts], Potential]) -> Importer:
    """Return an importer that converts a card's only file into a model directory.

    It takes the card, its files, and the directory where ``weights.safetensors``, ``config.json``
    and ``probe.json`` are written, and returns metadata for the version's manifest. It raises
    `SettingsError` if the card's ``model`` section is incomplete, and `ModelError` if the file
    cannot be converted, or the converted model does not reproduce the predictions stored with the
    card.

    Parameters
    ----------
    convert
        Builds the potential from the file and the card's facts.
    """

    def run(card: Card, sources: Sequence[Path], directory: Path) -> dict[str, Any]:
        (source,) = sources
        with damage(f"the model section of {card.path}", SettingsError, verdict=WRONG):
            facts = fit(card.front_matter.get("model"), ModelFacts)
        potential = convert(source, facts)
        probe = read_probe(card.path.parent / f"probes/{card.name}.json")
        write_model(directory, potential, probe)
        stated = {"level_of_theory": facts.level_of_theory} if facts.level_of_theory else {}
        return {**potential.config.facts(), **stated}

    return run
