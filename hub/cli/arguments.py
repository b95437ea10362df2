"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from hub.cli.output import one_line
from registry.errors import RegistryError


def complete_names(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Return the names, of those known without any network, that begin as typed."""
    from hub.library import catalogue
    from registry.listing import listings

    try:
        rows = listings(catalogue())
    except RegistryError:
        return []  # There is no place to show it in the middle of a line.
    return [
        CompletionItem(row.name, help=one_line(row.description))
        for row in rows
        if row.name.startswith(incomplete)
    ]


def require_resume_alone() -> None:
    """Refuse options beside --resume, which would be passed over."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in {"resume", "as_json"}:
            raise click.UsageError(
                f"--resume takes everything from the run folder; leave out {parameter.opts[0]}"
            )


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
            self.fail(f"{value!r} is no JSON: {problem}", param, ctx)
        if not isinstance(content, dict):
            self.fail(f'{value!r} is not a JSON object, such as {{"name": 1}}', param, ctx)
        return content


class ReaderName(click.ParamType):  # type: ignore[type-arg]  # in some versions
    """What reads files of structures: ours, or the importer of another package."""

    name = "reader"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what there is not."""
        from hub.importers.importer import readers

        known = readers()
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(known)}", param, ctx)
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the names that begin as typed."""
        from hub.importers.importer import readers

        return [CompletionItem(name) for name in readers() if name.startswith(incomplete)]


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
energy_key_option = click.option(
    "--energy-key", metavar="KEY", help="Entry to take as total energy (eV)."
)
forces_key_option = click.option(
    "--forces-key", metavar="KEY", help="Entry to take as forces (eV/Å)."
)
stress_key_option = click.option(
    "--stress-key", metavar="KEY", help="Entry to take as stress or virial; none for no stresses."
)
stress_convention_option = click.option(
    "--stress-convention",
    type=click.Choice(["ase", "compression", "gpa", "vasp"]),
    default="ase",
    show_default=True,
    help="ase: eV/Å^3, positive under tension; compression: the opposite sign; gpa: GPa, positive "
    "under tension; vasp: kB, positive under compression.",
)
allow_option = click.option(
    "--allow",
    multiple=True,
    metavar="CODE",
    help="Go on despite findings of this code, such as mixed-references.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ..."
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float64", "float32"]),
    default="float64",
    show_default=True,
    help="Precision; float32 is faster.",
)
recipe_option = click.option("--recipe", type=click.Choice(["default", "paper"]), default="default")
max_epochs_option = click.option(
    "--epochs",
    "--max-epochs",
    "max_epochs",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many passes over the data.",
)
learning_rate_option = click.option(
    "--learning-rate", type=click.FloatRange(min=0, max=100, min_open=True)
)
batch_size_option = click.option(
    "--batch-size", type=click.IntRange(min=1), help="Structures in one step."
)
