"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.visible import one_line
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from click.shell_completion import CompletionItem


def complete_names(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Complete names that are known without a network."""
    from click.shell_completion import CompletionItem

    from hub.library import catalogue
    from registry.listing import listings

    try:
        rows = listings(catalogue())
    except RegistryError:
        return []  # Nowhere to show an error in the middle of a line.
    return [
        CompletionItem(row.name, help=one_line(row.description))
        for row in rows
        if row.name.startswith(incomplete)
    ]


class JsonObject(click.ParamType):  # type: ignore[type-arg]  # in some versions
    """JSON, such as ``{"cutoff": 4.0}``."""

    name = "json"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Read an object."""
        from registry.documents import parse_json

        if isinstance(value, dict):
            return value
        try:
            content = parse_json(value.encode())
        except ValueError as problem:
            self.fail(f"{value!r} is not valid JSON: {problem}", param, ctx)
        if not isinstance(content, dict):
            self.fail(f'{value!r} is not a JSON object such as {{"name": 1}}', param, ctx)
        return content


class NameOf(click.ParamType):  # type: ignore[type-arg]  # in some versions
    """One of the names of a kind, which also come from other packages.

    Parameters
    ----------
    kind
        What is named, for the help text.
    known
        Returns the names; called only when one is typed, as it imports what has them.
    """

    def __init__(self, kind: str, known: Callable[[], Collection[str]]) -> None:
        self.name = kind
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse unknown names."""
        known = self._known()
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(known)}", param, ctx)
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete names."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in self._known() if name.startswith(incomplete)]


dataset_labels_option = click.option(
    "--labels", default="", metavar="NAME", help="Label set of a dataset."
)
sample_option = click.option(
    "--sample", metavar="N", type=int, help="Number of structures of a dataset (random subset)."
)
sample_seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, help="Random seed of --sample."
)
run_folder_option = click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder."
)
resume_run_option = click.option(
    "--resume", is_flag=True, help="Resume the run in the folder --out."
)
version_option = click.option(
    "--version", default="1.0.0", show_default=True, help="MAJOR.MINOR.PATCH."
)
to_option = click.option(
    "--to",
    metavar="REGISTRY",
    show_default="this machine's own",
    help="Registry to publish to: a name, ./directory or an address.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
energy_key_option = click.option(
    "--energy-key", metavar="KEY", help="Name of the total energies in the files (eV)."
)
forces_key_option = click.option(
    "--forces-key", metavar="KEY", help="Name of the forces in the files (eV/Å)."
)
stress_key_option = click.option(
    "--stress-key",
    metavar="KEY",
    help="Name of the stresses or virials in the files; none: do not read stresses.",
)
stress_convention_option = click.option(
    "--stress-convention",
    type=click.Choice(["ase", "compression", "gpa", "vasp"]),
    default="ase",
    show_default=True,
    help="ase: eV/Å^3, tension is positive; compression: eV/Å^3, compression is positive; "
    "gpa: GPa, tension is positive; vasp: kB, compression is positive.",
)


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the labels in a file to a command."""
    options = (energy_key_option, forces_key_option, stress_key_option, stress_convention_option)
    for option in reversed(options):
        command = option(command)
    return command


allow_option = click.option(
    "--allow",
    multiple=True,
    metavar="CODE",
    help="Ignore findings with this code, e.g. mixed-references (repeatable).",
)
_DATA: dict[str, Any] = {
    "multiple": True,
    "metavar": "FILE",
    "help": "File with energies and forces (repeatable), or a dataset.",
}
data_option = click.option("--data", **_DATA)
required_data_option = click.option("--data", required=True, **_DATA)
test_option = click.option(
    "--test", multiple=True, metavar="FILE", help="Test structures (repeatable)."
)
n_train_option = click.option(
    "--n-train",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="all but the validation set",
    help="Number of training structures (random subset).",
)
device_option = click.option(
    "--device",
    metavar="DEVICE",
    default="auto",
    show_default=True,
    help="auto (a GPU if available), cpu, cuda, cuda:1 ...",
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="Floating-point precision; float32 is faster.",
)
recipe_option = click.option(
    "--recipe",
    type=click.Choice(["default", "paper"]),
    default="default",
    show_default=True,
    help="Training settings: ours, or those of the paper.",
)
epochs_option = click.option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="the recipe's",
    help="Maximum number of passes over the training data.",
)
learning_rate_option = click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, max=100, min_open=True),
    metavar="X",
    show_default="the recipe's",
    help="Initial learning rate.",
)
batch_size_option = click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="the recipe's",
    help="Number of structures per training step.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    default=0,
    show_default=True,
    help="Random seed.",
)
