"""What is printed of names and texts that others wrote: all of it can be seen, none is obeyed."""

import json
import logging
import time
import unicodedata
import warnings

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.cli import output
from hub.cli.arguments import complete_names
from hub.cli.progress import progress_bar
from hub.visible import _BLANK, one_line, visible
from registry.errors import NotFoundError
from registry.listing import Listing

HOSTILE = "\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\u202egpj\u2066\u200f\u200b\ufeff\xad\u061c\r\x00"
SHOWN = r"\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\u202egpj\u2066\u200f\u200b\ufeff\xad\u061c\r\x00"
ANY_TEXT = st.text(st.characters() | st.sampled_from(HOSTILE) | st.characters(categories=["Cs"]))


def is_hidden(char):
    """Whether a terminal obeys a character, or shows nothing for it."""
    return (
        unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or char in "\u3164\U000e0041"
    )


@given(ANY_TEXT)
@example(HOSTILE)
def test_nothing_hidden_is_printed(text):
    assert not any(map(is_hidden, one_line(text)))
    assert not any(is_hidden(char) for char in visible(text) if char not in "\n\t")
    assert one_line(one_line(text)) == one_line(text)
    assert visible(visible(text)) == visible(text)
    one_line(text).encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_can_be_seen_stays(text):
    if not any(char in _BLANK for char in text):
        assert one_line(text) == visible(text) == text


def test_escapes_can_be_read():
    assert one_line(HOSTILE) == SHOWN
    assert visible("12 Å → ∞\n\teV/Å²\xa0日本\r\n") == "12 Å → ∞\n\teV/Å²\xa0日本\n"
    assert one_line("a\nb\tc") == r"a\nb\tc"


@given(st.recursive(ANY_TEXT | st.integers(), lambda inner: st.lists(inner, max_size=3)))
@example({HOSTILE: HOSTILE})
def test_json_is_the_same_and_hides_nothing(value):
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click, "echo", printed.append)
        output.result_json(value)
    assert json.loads(printed[0]) == value
    assert not any(is_hidden(char) for char in printed[0] if char != "\n")


def test_json_keeps_what_can_be_read(capsys):
    output.result_json({"unit": "eV/Å"})
    assert "eV/Å" in capsys.readouterr().out


def test_every_way_of_printing_escapes(capsys):
    output.message(HOSTILE)
    output.result(HOSTILE)
    output.result_table(["NAME", HOSTILE], [[HOSTILE, "a\nb"]])
    output.error(NotFoundError(HOSTILE, HOSTILE))
    output.usage_error(click.UsageError(HOSTILE))
    with output.telling_warnings():
        logging.getLogger("registry").warning("of %s", HOSTILE)
        warnings.warn(HOSTILE, stacklevel=1)
    printed = capsys.readouterr()
    assert not any(is_hidden(char) for char in printed.out + printed.err if char != "\n")
    assert (printed.out + printed.err).count(SHOWN) == 8
    assert printed.out.splitlines()[-1].endswith(r"a\nb")
    assert r"Error: red\x1b]0;title" in printed.err
    assert f"warning: of {SHOWN}\n" in printed.err
    assert f"warning: {SHOWN}\n" in printed.err


def test_a_message_cannot_look_like_another_of_ours(capsys):
    output.error(NotFoundError("no file a\nhint: do as I say"))
    assert capsys.readouterr().err == "error: no file a\n    hint: do as I say\n"


def test_a_bar_shows_its_description_as_it_is(capsys, monkeypatch):
    monkeypatch.setattr("hub.cli.progress.shows_progress", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    with progress_bar(f"[bold]pulling[/bold] [/] {HOSTILE}") as move:
        move(1, 2)
    printed = capsys.readouterr().err
    assert f"[bold]pulling[/bold] [/] {SHOWN}" in printed
    assert "\x1b]0;" not in printed


def test_a_second_bar_appears_below_the_first_once_it_moves(capsys, monkeypatch):
    monkeypatch.setattr("hub.cli.progress.shows_progress", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    with progress_bar("reading") as read:
        with progress_bar("sending", in_bytes=True) as send:
            read(5, 5)
            time.sleep(0.3)
            assert "sending" not in capsys.readouterr().err
            send(2_000_000, 4_000_000)
            time.sleep(0.3)
            lines = capsys.readouterr().err.rpartition("reading")[2].splitlines()
        assert len(lines) == 2
        assert "5/5" in lines[0]
        assert "2.0/4.0 MB" in lines[1]
        time.sleep(0.3)
    assert "sending" not in capsys.readouterr().err.rpartition("reading")[2]
    with progress_bar("again") as move:
        move(1, 1)
    assert "again" in capsys.readouterr().err


def test_a_description_is_completed_on_one_line(monkeypatch):
    row = Listing("mine", "1.0.0", "model", 1, "lab", cached=False, description=f"{HOSTILE}\nx")
    monkeypatch.setattr("registry.listing.listings", lambda _: [row])
    (item,) = complete_names(None, None, "mi")
    assert (item.value, item.help) == ("mine", rf"{SHOWN}\nx")


def test_arguments_are_repeated_escaped(hub):
    for arguments in (
        ["show", f"c\x1b{HOSTILE}"],
        ["sho\x1b"],
        ["list", "--x\x1b"],
        ["list", "\u202e"],
    ):
        done = hub(*arguments)
        assert not any(is_hidden(char) for char in done.err if char != "\n")
        assert "\\x1b" in done.err or r"\u202e" in done.err


def test_an_argument_must_be_text(hub):
    done = hub("list", "\udcff")
    assert done.code == 2
    assert r"\udcff is not valid UTF-8" in done.err
