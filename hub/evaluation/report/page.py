"""Render a report: one page of HTML that loads nothing, with everything of others escaped."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import DataError
from hub.evaluation.report.contents import gather
from hub.visible import visible
from registry.outputs import require_file, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.counting import Counting
    from hub.evaluation.report.contents import Settings
    from hub.evaluation.result import Evaluation
    from hub.library import OpenedVersion

_HERE = Path(__file__).parent
_SUFFIXES = (".html", ".htm")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?%?|-")


def require_report(path: Path) -> None:
    """Refuse a name that is not one of an HTML file, before anything is computed.

    Raises
    ------
    DataError
        If the name has another ending.
    StorageError
        If something other than a regular file has this name.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(
            f"{path} is not the name of an HTML file", "Give a name that ends in .html."
        )
    require_file(path)


def write_report(
    path: Path,
    found: Sequence[Evaluation],
    opened: Mapping[str, OpenedVersion],
    settings: Settings,
    counting: Counting,
) -> None:
    """Write a report of one or several models on the same data, the whole file or nothing.

    Parameters
    ----------
    path
        The file to write.
    found, opened, settings, counting
        As for `hub.evaluation.report.contents.gather`.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written.
    """
    write_file(path, rendered(gather(found, opened, settings, counting)).encode())


def rendered(contents: Mapping[str, Any]) -> str:
    """Return the page as HTML.

    Its policy allows its own style, by digest, and the pictures in it; no scripts, nothing from
    elsewhere.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(_HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.tests["numeric"] = lambda cell: _NUMBER.fullmatch(cell) is not None
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        contents,
        style=Markup(style),  # noqa: S704 - our own file
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
    )


def _visible(value: Any) -> Any:
    """Escape invisible characters of texts; autoescaping does the rest."""
    return visible(value) if type(value) is str else value
