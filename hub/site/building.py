"""Write the site: gather, describe, render, and put it into place when it is complete."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.counting import Counting, not_counting
from hub.library import catalogue
from hub.site.described import Described, describe, of_data
from hub.site.gathering import Gathered, Item, Problem, gather, registries_of
from hub.site.origins import trace
from hub.site.pages import Site
from hub.visible import visible
from registry.cards import Card
from registry.catalogue import Catalogue
from registry.errors import NotFoundError, RegistryError
from registry.files import scratch_directory, storage_errors
from registry.origins import BUILTIN, LOCAL
from registry.outputs import require_tree, settle_tree
from registry.removal import MARKER_NAME, mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment, Template

    from registry.registry import Registry

_HERE = Path(__file__).parent
_ASSETS = _HERE / "assets"
# GitHub Pages takes a site as it is if it has this file.
_AS_IT_IS = ".nojekyll"
_AT_TOP = frozenset({MARKER_NAME, _AS_IT_IS, "index.html", "rows.js", "assets", "versions"})


@dataclass(frozen=True)
class Built:
    """A site that was built.

    Attributes
    ----------
    path
        Its folder; ``index.html`` is the list of all versions.
    n_versions
        Number of pages of versions.
    problems
        What could not be read.
    """

    path: Path
    n_versions: int
    problems: tuple[Problem, ...]


def build_site(
    out: str | Path,
    *,
    registries: Sequence[str] = (),
    title: str = "Interatomic potentials",
    structures: int = 24,
    counting: Counting = not_counting,
) -> Built:
    """Write a static site with a page for every model and dataset.

    Parameters
    ----------
    out
        A new or empty folder, or a site that was built before, which is replaced when the new one
        is complete.
    registries
        Names of registries, or their directories as ``./directory``; ``builtin`` and ``local`` are
        names, too. By default, the built-in versions and the configured registries.
    title
        The title of the site.
    structures
        Number of structures of each dataset to show (random subset); 0 for none, which also leaves
        out the distributions.
    counting
        Called with the name of each part of the work, and returns what to call with its progress.

    Returns
    -------
    The site, with everything that could not be read. Its pages say so, too.

    Raises
    ------
    NotFoundError
        If there is no registry of one of these names, or no version in any of them.
    StorageError
        If `out` has other content, or cannot be written.
    """
    target = Path(out).absolute()
    require_tree(target, _AT_TOP)
    names = catalogue()
    chosen = registries_of(names, registries)
    gathered = gather(names, chosen, counting("reading"))
    if not gathered.items:
        reasons = "; ".join(f"{each.where}: {each.message}" for each in gathered.problems)
        raise NotFoundError(
            f"there is no version to show{f' ({reasons})' if reasons else ''}",
            "Add a registry (`hub registry add`), or name one with --registry.",
        )
    problems = list(gathered.problems)
    site = _site(gathered, names, problems)
    finder = Catalogue(names.local, _remote(chosen), names.builtin, names.seen)
    with scratch_directory(target.parent) as part, storage_errors(target):
        writer = _Writer(part, title, gathered)
        writer.assets()
        progress = counting("pages")
        for number, described in enumerate(site.described.values(), start=1):
            sample = _sample(finder, described.item, structures, problems)
            writer.page(site, described, sample)
            if progress is not None:
                progress(number, len(site.described))
        writer.index(site)
        mark(part)
        settle_tree(part, target, _AT_TOP)
    return Built(target, len(site.described), tuple(problems))


def _remote(registries: Sequence[Registry]) -> tuple[Registry, ...]:
    return tuple(each for each in registries if each.name not in (BUILTIN, LOCAL))


def _site(gathered: Gathered, names: Catalogue, problems: list[Problem]) -> Site:
    origins = trace(gathered.items, names)
    described = {
        item.reference: of_data(describe(item), origins.data(item.reference))
        for item in gathered.items
    }
    versions: dict[tuple[str, str], list[Described]] = {}
    for each in described.values():
        versions.setdefault((each.item.registry, each.item.name), []).append(each)
    problems += [Problem(where, message) for where, message in origins.failed.items()]
    return Site(described, versions, origins, gathered.addresses)


def _sample(
    names: Catalogue, item: Item, structures: int, problems: list[Problem]
) -> dict[str, Any] | None:
    """Return some structures of a dataset; None, with a problem, if they cannot be read."""
    if item.kind != "dataset" or structures == 0 or item.found is None:
        return None
    if isinstance(item.found, Card):
        found = names.builtin.installed(item.found, names.local)
        if found is None:
            return None  # it would have to be made from published files first
    else:
        found = item.found
    from hub.site.samples import sample_of  # with numpy and zarr

    try:
        return sample_of(names, found, structures)
    except RegistryError as problem:
        problems.append(Problem(item.reference, f"no structures shown: {problem.message}"))
        return None


class _Writer:
    """Writes the files of a site into an empty folder."""

    def __init__(self, folder: Path, title: str, gathered: Gathered) -> None:
        self.folder = folder
        self.environment = _environment()
        self.environment.globals |= {
            "site_title": title,
            "unreachable": gathered.unreachable,
            "n_versions": len(gathered.items),
        }
        self.version = self.environment.get_template("version.html")

    def assets(self) -> None:
        """Copy the scripts and styles."""
        shutil.copytree(_ASSETS, self.folder / "assets")
        (self.folder / _AS_IT_IS).touch()

    def page(self, site: Site, described: Described, sample: dict[str, Any] | None) -> None:
        """Write the page of a version, and the structures that it shows."""
        path = self.folder / described.item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, self.version, site.context(described, sample))
        if sample:
            text = f"window.hubStructures = {_script(sample['shown'])};\n"
            path.with_suffix(".structures.js").write_text(text, encoding="utf-8")

    def index(self, site: Site) -> None:
        """Write the list of all versions, and its rows."""
        rows = ",\n".join(_script(each.row()) for each in site.described.values())
        (self.folder / "rows.js").write_text(f"window.hubRows = [\n{rows}\n];\n", encoding="utf-8")
        _write(self.folder / "index.html", self.environment.get_template("list.html"), {"root": ""})


def _write(path: Path, template: Template, context: dict[str, Any]) -> None:
    path.write_text(template.render(context), encoding="utf-8")


def _script(content: Any) -> str:
    """Write JSON that means the same in a script, whatever text is in it."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for char in "<>&'":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(_HERE / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters["script"] = lambda content: Markup(_script(content))  # noqa: S704
    return environment


def _visible(value: Any) -> Any:
    """Escape invisible characters of texts; autoescaping does the rest."""
    return visible(value) if type(value) is str else value
