"""Spellings of the release before work, with a note, or are refused by the new one's name."""

from __future__ import annotations

import click
import pytest

from hub.cli.main import COMMANDS
from hub.cli.main import hub as group
from hub.cli.renamed import _COMMANDS, _OPTIONS, present_spelling


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pull c-small --to mine", "pull c-small --out mine"),
        ("export c-small --to=extxyz", "export c-small --format=extxyz"),
        ("relabel d --teacher lcbop --as l", "relabel d --teacher lcbop --labels l"),
        ("diff d --labels a,b --out p.png", "evaluate d --labels a,b --plot p.png"),
        ("transmute m --map C=Si --registry ./r", "transmute m --element-map C=Si --to ./r"),
        ("overlap m d --map C=Si", "overlap m d --element-map C=Si"),
        ("pretrain --n 5 --max-epochs 2", "pretrain --n-train 5 --epochs 2"),
        ("finetune --data -- --map", "finetune --data -- --map"),
        ("publish r --to ./lab", "publish r --to ./lab"),
    ],
)
def test_an_old_spelling_is_the_new_one(typed, meant, capsys) -> None:
    assert present_spelling(typed.split()) == meant.split()
    assert ("note: " in capsys.readouterr().err) == (typed != meant)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("finetune --resume runs/a", "write --out runs/a --resume"),
        ("pretrain --resume=runs/a --json", "write --out runs/a --resume"),
        ("transmute m --to Si --out x", "write --element Si"),
        ("transmute m --to=Au,Cu", "write --element Au,Cu"),
    ],
)
def test_a_word_that_means_something_else_now_is_refused(typed, says) -> None:
    with pytest.raises(click.UsageError, match=says):
        present_spelling(typed.split())


def test_what_is_meant_now_is_left_alone() -> None:
    for typed in (
        "finetune",
        "finetune --out a --resume",
        "transmute m --to ./lab",
        "stability m --resume",
    ):
        assert present_spelling(typed.split()) == typed.split()
    assert present_spelling([]) == []


def test_every_new_spelling_exists_and_no_old_one_does() -> None:
    for name, renamed in _OPTIONS.items():
        command = group.get_command(click.Context(group), _COMMANDS.get(name, name))
        assert command is not None
        known = {spelling for option in command.params for spelling in option.opts}
        assert set(renamed.values()) <= known
        # `hub export --to` is an address; with a format it is the old spelling.
        old = set(renamed) - ({"--to"} if name == "export" else set())
        assert name in _COMMANDS or not old & known


def test_an_address_to_export_to_is_no_old_spelling(capfd):
    given = ["export", "x", "--to", "hf://datasets/lab/x", "--format", "datasets"]
    assert present_spelling(given) == given
    assert present_spelling(["export", "x", "--to=hf://a/b"]) == ["export", "x", "--to=hf://a/b"]
    assert present_spelling(["export", "x", "--to", "lmdb"]) == ["export", "x", "--format", "lmdb"]
    assert not set(_COMMANDS) & set(COMMANDS)
