"""What a card of a published dataset says about its files: keys, filters, label sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.datasets.layout import LabelSet
from registry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.cards import Card


@dataclass(frozen=True)
class LabelRecipe:
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
    energy_keys: Sequence[str] = ()
    forces_keys: Sequence[str] = ()
    files: str = ""
    subset: str = ""
    proved_by: str = ""


@dataclass(frozen=True)
class Recipe:
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
    extras: dict[str, str] = field(default_factory=dict)
    atom_extras: dict[str, str] = field(default_factory=dict)
    isolated_beyond: float | None = None
    subsets: dict[str, str] = field(default_factory=dict)
    labels: dict[str, LabelRecipe] = field(default_factory=dict)

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
    try:
        content = dict(card.front_matter["dataset"])
        labels = {name: _label_recipe(fields) for name, fields in content.pop("labels").items()}
        recipe = Recipe(**content, labels=labels)
        for name, each in recipe.joined_labels.items():
            if each.proved_by not in recipe.own_labels or each.subset not in recipe.subsets:
                raise SettingsError(
                    f"{card.path}: the label set {name} needs a subset that the card defines, and "
                    "must be proved by labels that come with the structures"
                )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise SettingsError(f"{card.path}: the dataset section is wrong: {problem!r}") from problem
    return recipe


def _label_recipe(fields: dict[str, Any]) -> LabelRecipe:
    about = LabelSet.__dataclass_fields__
    return LabelRecipe(
        about=LabelSet(**{name: value for name, value in fields.items() if name in about}),
        **{name: value for name, value in fields.items() if name not in about},
    )
