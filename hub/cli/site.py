"""``hub site``: a web catalogue of models and datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli import output
from hub.cli.arguments import json_option
from hub.cli.progress import progress_bars

if TYPE_CHECKING:
    from hub.site.building import Built

_REGISTRY = click.option(
    "--registry",
    "registries",
    metavar="NAME",
    multiple=True,
    show_default="the built-in versions and all configured registries",
    help="Registry to show: its name, ./directory, builtin or local (repeatable).",
)
_STRUCTURES = click.option(
    "--structures",
    metavar="N",
    type=click.IntRange(0, 200),
    default=24,
    show_default=True,
    help="Number of structures of each dataset to show (random subset); 0 leaves them out.",
)
_TITLE = click.option(
    "--title",
    metavar="TEXT",
    default="Interatomic potentials",
    show_default=True,
    help="Title of the site.",
)


@click.group(name="site")
def command() -> None:
    """Build and preview a web catalogue of models and datasets."""


@command.command(name="build", short_help="Write a catalogue as a static site.")
@click.argument("out", type=click.Path(path_type=Path))
@_REGISTRY
@_TITLE
@_STRUCTURES
@json_option
def build(
    out: Path, registries: tuple[str, ...], title: str, structures: int, as_json: bool
) -> None:
    """Write a static site with a page for every version to the folder OUT, and print its path.

    The site works from a disk and on any web server, and loads nothing from other hosts. A site
    that was built before is replaced when the new one is complete. Datasets of more than 200 MB
    show structures only if they are on this machine.

    Whatever cannot be read is named on stderr, and the page of the version says so. The exit code
    is 5 if no registry can be read.
    """
    built = _build(out, registries, title, structures)
    if as_json:
        output.result_json(
            {
                "path": str(built.path),
                "versions": built.n_versions,
                "problems": [each._asdict() for each in built.problems],
            }
        )
        return
    output.message(f"{built.n_versions:,} versions; open {built.path / 'index.html'}")
    output.result(str(built.path))


@command.command(name="serve", short_help="Preview a catalogue in a browser on this machine.")
@click.argument("site", type=click.Path(path_type=Path), required=False)
@_REGISTRY
@_TITLE
@_STRUCTURES
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="Port to listen on.",
)
def serve(
    site: Path | None, registries: tuple[str, ...], title: str, structures: int, port: int
) -> None:
    """Serve the folder SITE, which `hub site build` wrote, until interrupted with Ctrl-C.

    Without SITE, a catalogue is built in a temporary folder first. Only browsers on this machine
    can access it.
    """
    from tempfile import TemporaryDirectory

    from hub.site.serving import serve_site

    if site is not None:
        serve_site(site, port=port, started=output.result)
        return
    with TemporaryDirectory(prefix="hub-site-") as folder:
        built = _build(Path(folder) / "site", registries, title, structures)
        serve_site(built.path, port=port, started=output.result)


def _build(out: Path, registries: tuple[str, ...], title: str, structures: int) -> Built:
    from hub.site.building import build_site

    with progress_bars() as counting:
        built = build_site(
            out, registries=registries, title=title, structures=structures, counting=counting
        )
    for where, message in built.problems:
        output.message(f"warning: {where}: {message}")
    return built
