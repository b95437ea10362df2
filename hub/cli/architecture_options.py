"""Options that choose the architecture of a new model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


def architecture_options(
    layers: int = 4, cutoff: int = 4
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds ``--model-config``, ``--layers`` etc. to a command.

    Parameters
    ----------
    layers, cutoff
        The defaults that its help names, the cutoff in Å.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(_options(layers, cutoff)):
            command = option(command)
        return command

    return add


def _options(layers: int, cutoff: int) -> tuple[Callable[..., Any], ...]:
    return (
        click.option(
            "--model-config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="JSON file with settings of the architecture.",
        ),
        click.option(
            "--layers",
            type=click.IntRange(min=1),
            metavar="N",
            show_default=str(layers),
            help="Number of interaction blocks.",
        ),
        click.option(
            "--features",
            type=click.IntRange(min=1),
            metavar="N",
            show_default="32",
            help="Number of channels.",
        ),
        click.option(
            "--l-max",
            type=click.IntRange(min=0),
            metavar="L",
            show_default="1",
            help="Highest rotation order.",
        ),
        click.option(
            "--parity/--no-parity",
            default=None,
            show_default="parity",
            help="Include features of odd parity, or not.",
        ),
        click.option(
            "--cutoff",
            type=click.FloatRange(min=1),
            metavar="R",
            show_default=str(cutoff),
            help="Cutoff radius in Å.",
        ),
    )
