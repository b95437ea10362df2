"""``hub completion``: shell completion of commands, options and names."""

from __future__ import annotations

import click

from hub.cli import output


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands, options and names.

    \b
    bash:  hub completion bash >> ~/.bashrc
    zsh:   hub completion zsh >> ~/.zshrc
    fish:  hub completion fish > ~/.config/fish/completions/hub.fish
    """  # noqa: D301 - click reads the backspace
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"completion is not available for {shell}")
    output.result(script(context.find_root().command, {}, "hub", "_HUB_COMPLETE").source())
