"""``hub count``."""

import click


@click.command(name="count", short_help="Count lines.")
@click.argument("file", type=click.File())
def command(file):
    """Count the lines of FILE."""
    click.echo(str(len(file.readlines())))
