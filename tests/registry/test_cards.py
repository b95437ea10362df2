from datetime import timedelta

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.cards import builtin_cards, join_front_matter, read_card, split_front_matter
from registry.errors import SettingsError
from tests.mutations import mutated, outcome
from tests.registry.conftest import CARD

GOOD = CARD.format(url="https://example.org/toy.bin", size=3, sha256="a" * 64)


def test_the_project_s_own_cards_are_right():
    cards = builtin_cards()
    assert len(cards) >= 10
    assert all(card.name == name == card.path.stem for name, card in cards.items())
    source = cards["c-ace-pretrained"].source
    assert source.mirror_path == "nnp-pre-training/models/ace-100_000.pth"
    assert source.url.endswith(source.commit + "/" + source.path)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("name: toy", "", "name"),
        ("name: toy", "name: Toy", "'Toy'"),
        ("version: 1.0.0", "version: 1.0", "version"),
        ("version: 1.0.0", "version: v1", "'v1'"),
        ("kind: model", "kind: potato", "kind"),
        ("description: A toy", "description: [a]", "description"),
        ("license: other", "license:", "license"),
        ("license_name: not-stated", "", "license_name"),
        ("importer: toy", "", "importer"),
        ("source:", "sauce:", "source"),
        ("size: 3", "size: three", "source.size"),
        ("sha256: a", "sha256: g", "source.sha256"),
        ("path: models/toy.bin", "path: ../toy.bin", "source.path"),
        ("commit: abc", "commit: 123", "source.commit"),
        ("---\n\n# toy", "# toy", "between two '---' lines"),
        ("name: toy", "name: [toy", "not YAML"),
    ],
)
def test_errors_name_file_and_field(tmp_path, old, new, field):
    card = tmp_path / "toy.md"
    assert old in GOOD
    card.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(SettingsError) as failure:
        read_card(card)
    assert str(card) in failure.value.message
    assert field in failure.value.message


def test_the_front_matter_is_a_mapping():
    with pytest.raises(SettingsError, match="mapping"):
        split_front_matter("---\n- a\n---\n", "card")


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]))


@given(st.dictionaries(text, text | st.integers() | st.lists(text)), text)
def test_a_card_is_read_back_as_it_was_written(front_matter, body):
    written = join_front_matter(front_matter, body)
    assert split_front_matter(written, "card") == (front_matter, body)


@given(st.text())
def test_any_text_is_a_card_or_refused(text):
    for candidate in (text, f"---\n{text}\n---\n"):
        try:
            front_matter, _ = split_front_matter(candidate, "card")
        except SettingsError:
            continue
        assert yaml.safe_load(candidate.split("\n---", 1)[0].removeprefix("---")) == front_matter


LAUGHS = "a0: &a0 [ha]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("front_matter", "what"),
    [
        (LAUGHS, "more than 2,000,000 values"),
        ("citation: &c [*c]", "deep"),
        ("[" * 100_000, "not YAML"),
        ("a: !!timestamp foo", "not YAML"),
        ("a: !!binary xyz", "not YAML"),
        ("a: !!python/object:os.system x", "not YAML"),
        ("a: !!set {b}", "set"),
        ("? [b]\n: c", "not YAML"),
        ("a: .nan", "not a finite number"),
        ('a: "\\ud800"', "not YAML"),
        ("a: \0", "not YAML"),
        (f"a: {'9' * 5000}", "not YAML"),
        (f"a: 0x{'f' * 5000}", "too large"),
        (f"a: {'b' * (1 << 20)}", "more than 1,048,576 characters"),
    ],
)
def test_hostile_yaml_is_refused(front_matter, what):
    with pytest.raises(SettingsError, match="the front matter of card is invalid") as failure:
        split_front_matter(f"---\n{front_matter}\n---\n", "card")
    assert what in failure.value.message
    assert len(failure.value.message) < 1000


def test_dates_stay_text():
    text = "---\ndate: 2023-01-31\nwhen: 2001-12-14t21:59:43.10-05:00\nnever: 2023-99-99\n---\n"
    front_matter, _ = split_front_matter(text, "card")
    assert front_matter["date"] == "2023-01-31"
    assert front_matter["never"] == "2023-99-99"
    assert split_front_matter(join_front_matter(front_matter, ""), "card")[0] == front_matter


def test_a_card_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "toy.md"
    with pytest.raises(SettingsError, match=r"toy\.md cannot be read"):
        read_card(path)
    path.mkdir()
    with pytest.raises(SettingsError, match=r"toy\.md is invalid: it is not a regular file"):
        read_card(path)
    path.rmdir()
    path.write_bytes(GOOD.encode() + b"\xff")
    with pytest.raises(SettingsError, match=r"toy\.md is invalid: not UTF-8"):
        read_card(path)
    path.write_text(GOOD + "x" * (1 << 20))
    with pytest.raises(SettingsError, match="more than 1,048,576 bytes"):
        read_card(path)


@settings(deadline=timedelta(seconds=5))
@given(content=mutated(yaml.safe_load(GOOD.split("---")[1])))
def test_any_card_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("cards") / "toy.md"
    head = yaml.safe_dump(content, allow_unicode=True).encode(errors="surrogatepass")
    path.write_bytes(b"---\n" + head + b"---\n\n# toy\n")
    card = outcome(lambda: read_card(path), SettingsError, path)
    if card is not None:
        assert (card.name, card.version) == (content["name"], content["version"])
        assert all(source.url for source in card.sources)
