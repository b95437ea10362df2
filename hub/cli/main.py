"""The ``hub`` command: register commands, turn errors into messages and exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from hub._version import __version__
from hub.cli import output
from hub.cli.errors import EXIT_CRASH, EXIT_ERROR, EXIT_INTERRUPTED, exit_code
from hub.cli.renamed import present_spelling
from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry.plugins import Plugin

# The sections of the help text: each command with its module and a line about it. The modules are
# imported only when a command is used.
SECTIONS = {
    "Find": {
        "list": ("hub.cli.list", "List models and datasets."),
        "show": ("hub.cli.show", "Show card, files, licence, citation and parents."),
        "pull": ("hub.cli.pull", "Download a model or dataset."),
        "guide": ("hub.cli.guide", "List the guides, or show one."),
    },
    "Data": {
        "check": ("hub.cli.check", "Check DFT files for problems that spoil training."),
        "import": (
            "hub.cli.import_data",
            "Import structures as a dataset, or a model from a file.",
        ),
        "export": ("hub.cli.export", "Write a model or dataset as a file for other programs."),
    },
    "Train": {
        "finetune": ("hub.cli.finetune", "Fine-tune a model on your DFT data."),
        "pretrain": ("hub.cli.pretrain", "Train a new model on synthetic labels."),
        "distil": ("hub.cli.distil", "Distil a foundation model into a fast one."),
        "transmute": ("hub.cli.transmute", "Transfer a model or dataset to another element."),
    },
    "Labels": {
        "synthesize": ("hub.cli.synthesize", "Make a dataset from scratch or around structures."),
        "relabel": ("hub.cli.relabel", "Label a dataset with a teacher."),
        "teachers": ("hub.cli.teachers", "List the teachers that can label structures."),
    },
    "Judge and share": {
        "rank": ("hub.cli.rank", "Find the foundation model that fits your data."),
        "evaluate": ("hub.cli.evaluate", "Measure models' errors, or compare label sets."),
        "learning-curve": (
            "hub.cli.learning_curve",
            "Compare starting points at several data sizes.",
        ),
        "stability": ("hub.cli.stability", "Test models' stability in molecular dynamics."),
        "overlap": ("hub.cli.overlap", "Measure how much of your data a model covers."),
        "publish": (
            "hub.cli.publish",
            "Publish a trained model as a version that others can pull.",
        ),
        "verify": ("hub.cli.verify", "Check the files on this machine, and repair them."),
        "registry": ("hub.cli.registry", "Add, list, remove, repair or copy registries."),
        "site": ("hub.cli.site", "Build and preview a web catalogue."),
        "cache": ("hub.cli.cache", "Measure or prune what is stored on this machine."),
        "completion": ("hub.cli.completion", "Print a shell completion script."),
    },
}
COMMANDS = {name: each for section in SECTIONS.values() for name, each in section.items()}


class HubGroup(click.Group):
    """Load a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of the table, then those of plug-ins."""
        return [*COMMANDS, *sorted(_added())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module; that of a plug-in only when it is called."""
        if cmd_name in COMMANDS:
            module, summary = COMMANDS[cmd_name]
            command: click.Command = import_module(module).command
            command.short_help = summary
            return command
        plugin = _added().get(cmd_name)
        return PluginCommand(plugin) if plugin else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Accept spellings of the previous release; suggest commands for a mistyped one."""
        args = present_spelling(args)
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            self._require(args[0], ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the commands by section, and those of other packages at the end."""
        sections = {
            title: {name: summary for name, (_, summary) in section.items()}
            for title, section in SECTIONS.items()
        }
        if added := _added():
            sections["Other packages"] = {
                name: PluginCommand(added[name]).get_short_help_str(60) for name in sorted(added)
            }
        width = max(len(name) for rows in sections.values() for name in rows)
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows.items()])

    def _require(self, name: str, ctx: click.Context) -> None:
        from difflib import get_close_matches

        known = self.list_commands(ctx)
        if name not in known:
            near = get_close_matches(name, known)
            suggestion = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command {name!r}.{suggestion}")


def _added() -> dict[str, Plugin]:
    """Return the commands of other packages."""
    from registry.plugins import plugins

    return plugins("commands", COMMANDS)


class PluginCommand(click.Command):
    """Placeholder for a command of another package, which is imported when it is called."""

    def __init__(self, plugin: Plugin) -> None:
        super().__init__(plugin.name, short_help=f"From the package {plugin.package}.")
        self._plugin = plugin

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Pass everything on to the command itself."""
        command = self._plugin.load()
        if not isinstance(command, click.Command):
            raise self._plugin.broken(f"{self._plugin.target} is not a click command")
        return command.make_context(info_name, args, parent, **extra)


@click.group(cls=HubGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quiet", "-q", is_flag=True, help="Print results and errors only.")
@click.version_option(__version__, prog_name="hub")
def hub(quiet: bool) -> None:  # noqa: ARG001 - `output.is_quiet` looks it up
    """Pull, fine-tune, use and publish pre-trained interatomic potentials."""
    click.get_current_context().with_resource(output.telling_warnings())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if arguments is None:
        gc.freeze()  # modules are never garbage
        atexit.register(_end_quickly)
    try:
        sys.exit(_run(given))
    except Exception as problem:
        from hub.settings import is_debugging

        if is_debugging():
            raise
        from hub.cli.crash import describe_crash

        output.error(RegistryError(describe_crash(problem, given)))
        sys.exit(EXIT_CRASH)


def _end_quickly() -> None:
    """Do not search memory for garbage at the end, which took a tenth of the time of `hub list`.

    Extensions of numerical libraries complain of objects that are left over.
    """
    if "numpy" not in sys.modules:
        gc.freeze()


def _run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        output.accept_any_text()
        _require_text(arguments)
        # Commands return nothing; a value is the code of an early exit, as of --help.
        code = hub.main(args=arguments, prog_name="hub", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        output.message("interrupted")
        return EXIT_INTERRUPTED
    except click.ClickException as failure:
        output.usage_error(failure)
        return failure.exit_code
    except RegistryError as failure:
        output.error(failure)
        return exit_code(failure)
    except BrokenPipeError:
        # The reader (head, less) has closed; discard what Python still flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    return int(code or 0)


def _require_text(arguments: list[str]) -> None:
    """Refuse arguments that are not UTF-8, because names and texts are written to JSON."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as problem:
            raise click.UsageError(f"the argument {argument} is not valid UTF-8") from problem


if __name__ == "__main__":
    main()
