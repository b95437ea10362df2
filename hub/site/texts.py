"""Markdown of cards to HTML. Cards are written by others: no HTML, no images, few links."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 60_000  # characters; longer texts are shown as they are
_TARGETS = re.compile(r"(https?://|mailto:)[^\s]+", re.IGNORECASE)
_HIGHEST_LEVEL = 3  # of headings: those above are the page's own


def rendered(text: str, name: str = "") -> Markup:
    """Return the HTML of a card's text.

    Parameters
    ----------
    text
        Markdown, without front matter.
    name
        A first heading that says only this is left out.
    """
    if len(text) > LONGEST:
        return Markup('<pre class="plain">{}</pre>').format(text)
    parser = _parser()
    tokens = parser.parse(text)
    if _is_heading_of(tokens, name):
        tokens = tokens[3:]
    _lower_headings(tokens)
    html: str = parser.renderer.render(tokens, parser.options, {})
    return Markup(html)  # noqa: S704 - the parser escapes everything


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default", {"html": False, "linkify": False})
    parser.validateLink = lambda url: _TARGETS.fullmatch(url) is not None  # type: ignore[method-assign]
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    for cell in ("th_open", "td_open"):
        parser.add_render_rule(cell, _cell)
    return parser


def _image(_self: Any, tokens: Sequence[Token], index: int, *_: Any) -> str:
    """Return the text in place of an image: a page loads nothing from elsewhere."""
    return str(escape(tokens[index].content))


def _link(self: Any, tokens: Sequence[Token], index: int, options: Any, _env: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    html: str = self.renderToken(tokens, index, options, _env)
    return html


def _cell(self: Any, tokens: Sequence[Token], index: int, options: Any, _env: Any) -> str:
    """Replace the style attribute of a cell, which the page's policy forbids, by a class."""
    style = tokens[index].attrs.pop("style", "")
    for side in ("right", "center"):
        if side in str(style):
            tokens[index].attrSet("class", side)
    html: str = self.renderToken(tokens, index, options, _env)
    return html


def _is_heading_of(tokens: Sequence[Token], name: str) -> bool:
    return (
        len(tokens) > 2 and tokens[0].type == "heading_open" and tokens[1].content.strip() == name
    )


def _lower_headings(tokens: Sequence[Token]) -> None:
    """Put the headings of a card below those of the page, without leaving out levels."""
    levels = sorted({token.tag for token in tokens if token.type == "heading_open"})
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(_HIGHEST_LEVEL + levels.index(token.tag), 6)}"
