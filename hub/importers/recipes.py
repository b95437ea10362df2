"""The recipe in the card of a published dataset: keys, filters, label sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from hub.datasets.layout import LabelSet
from registry.documents import WRONG, MalformedError, damage, fit
from registry.errors import SettingsError

if TYPE_CHECKING:
    from registry.cards import Card


class LabelRecipe(Struct, forbid_unknown_fields=True, frozen=True):
    """The source of the labels of one label set.

    Attributes
    ----------
    about
        The description of the label set.
    energy_keys, forces_keys
        Entries in the files of structures, of which the first present is used. Atomic energies are
        summed.
    files
        Pattern of published label files among the card's sources; in the order of their numbers.
    subset
        The structures that these label, in order.
    proved_by
        The label set whose forces verify the order.
    """

    about: LabelSet
    energy_keys: tuple[str, ...] = ()
    forces_keys: tuple[str, ...] = ()
    files: str = ""
    subset: str = ""
    proved_by: str = ""


class Recipe(Struct, forbid_unknown_fields=True, frozen=True):
    """How the published files are combined into one dataset.

    Attributes
    ----------
    structures
        The source that contains the structures: a file that ASE reads, or a zip archive.
    members
        Pattern of the files in an archive; they are read in the order of their paths.
    extras, atom_extras
        Mapping from column names to entries of the files.
    isolated_beyond
        Distance in Å to the nearest neighbour above which an atom counts as isolated; the column
        ``isolated_atom`` marks structures with such an atom. None if not needed.
    subsets
        Mapping from column names to conditions; the columns mark the structures of each subset.
    labels
        Recipes by the name of the label set. Those in the files of structures come first.
    """

    structures: str
    members: str = ""
    extras: dict[str, str] = {}
    atom_extras: dict[str, str] = {}
    isolated_beyond: Annotated[float, Meta(gt=0, le=1000)] | None = None
    subsets: dict[str, str] = {}
    labels: dict[str, LabelRecipe] = {}

    @property
    def own_labels(self) -> dict[str, LabelRecipe]:
        """The label sets that come with the structures."""
        return {name: each for name, each in self.labels.items() if not each.files}

    @property
    def joined_labels(self) -> dict[str, LabelRecipe]:
        """The label sets in separate files."""
        return {name: each for name, each in self.labels.items() if each.files}


def recipe_of(card: Card) -> Recipe:
    """Read the ``dataset`` section of a card.

    Raises
    ------
    SettingsError
        If it is incomplete or invalid.
    """
    with damage(f"the dataset section of {card.path}", SettingsError, verdict=WRONG):
        content = fit(card.front_matter.get("dataset"), dict[str, Any])
        labels = fit(content.get("labels"), dict[str, dict[str, Any]])
        recipes = {name: _label_recipe(fields) for name, fields in labels.items()}
        recipe = fit({**content, "labels": recipes}, Recipe)
        for name, each in recipe.joined_labels.items():
            if each.proved_by not in recipe.own_labels or each.subset not in recipe.subsets:
                raise MalformedError(
                    f"the label set {name} needs a `subset` defined in the card, and a `proved_by` "
                    "that names labels in the files of structures"
                )
    return recipe


def _label_recipe(fields: dict[str, Any]) -> dict[str, Any]:
    """Separate the description of the label set, which is mixed with the rest in a card."""
    about = {name: fields[name] for name in LabelSet.__dataclass_fields__ if name in fields}
    return {"about": about} | {name: fields[name] for name in fields if name not in about}
