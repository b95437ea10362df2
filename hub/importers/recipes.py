"""What a card of a published dataset says about its files: keys, filters, label sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from hub.datasets.layout import LabelSet
from registry.documents import WRONG, MalformedError, damage, fit
from registry.errors import SettingsError

if TYPE_CHECKING:
    from registry.cards import Card


class LabelRecipe(Struct, forbid_unknown_fields=True, frozen=True):
    """Where the labels of one label set are.

    Attributes
    ----------
    about
        What the label set says of itself.
    energy_keys, forces_keys
        Entries in the files of structures, the first that is there is taken. Energies for each atom
        are summed.
    files
        Published label files among the card's sources, as a pattern; in the order of their numbers.
    subset
        The structures that these cover, in order.
    proved_by
        The label set whose forces prove that the order is right.
    """

    about: LabelSet
    energy_keys: tuple[str, ...] = ()
    forces_keys: tuple[str, ...] = ()
    files: str = ""
    subset: str = ""
    proved_by: str = ""


class Recipe(Struct, forbid_unknown_fields=True, frozen=True):
    """How the published files become one dataset.

    Attributes
    ----------
    structures
        The source that holds the structures: a file that ASE reads, or a zip archive.
    members
        Which files of an archive, as a pattern for paths, in whose order they are read.
    extras, atom_extras
        Column names to entries of the files.
    isolated_beyond
        Distance in Å to the nearest neighbour from which on an atom counts as isolated; the column
        ``isolated_atom`` says which structures have one. None if it is not looked at.
    subsets
        Column names to conditions; the columns say which structures belong.
    labels
        By the name of the label set. Those in the files of structures come first.
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
        """The label sets in files of their own."""
        return {name: each for name, each in self.labels.items() if each.files}


def recipe_of(card: Card) -> Recipe:
    """Read the ``dataset`` section of a card.

    Raises
    ------
    SettingsError
        If it lacks something, or has what is not understood.
    """
    with damage(f"the dataset section of {card.path}", SettingsError, verdict=WRONG):
        content = fit(card.front_matter.get("dataset"), dict[str, Any])
        labels = fit(content.get("labels"), dict[str, dict[str, Any]])
        recipes = {name: _label_recipe(fields) for name, fields in labels.items()}
        recipe = fit({**content, "labels": recipes}, Recipe)
        for name, each in recipe.joined_labels.items():
            if each.proved_by not in recipe.own_labels or each.subset not in recipe.subsets:
                raise MalformedError(
                    f"the label set {name} needs a subset that the card defines, and "
                    "must be proved by labels that come with the structures"
                )
    return recipe


def _label_recipe(fields: dict[str, Any]) -> dict[str, Any]:
    """Set apart what the label set says of itself, which stands among the rest in a card."""
    about = {name: fields[name] for name in LabelSet.__dataclass_fields__ if name in fields}
    return {"about": about} | {name: fields[name] for name in fields if name not in about}
