"""Licences of models and of what they were trained from."""

from __future__ import annotations

import shutil

import pytest

from hub.errors import PublishingError
from hub.guides import guide
from hub.library import catalogue
from hub.licences import RULES, Ancestor, ancestors, canonical, licence_notes
from hub.publishing import publish
from registry.cards import join_front_matter, split_front_matter
from registry.manifest import Parent


@pytest.mark.parametrize(
    ("origin", "licence"),
    [
        ("CC-BY-NC-4.0", "MIT"),
        ("cc-by-nc-4.0", "CC-BY-4.0"),
        ("GPL-3.0", "MIT"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "Apache-2.0"),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-4.0"),
        ("CC-BY-SA-4.0", "CC-BY-4.0"),
        ("CC-BY-ND-4.0", "CC-BY-ND-4.0"),
        ("LGPL-3.0-only", "MIT"),
        ("MIT AND GPL-3.0-only", "MIT"),
        ("GPL-3.0-only", "MIT OR GPL-3.0-only"),
    ],
)
def test_a_contradiction_needs_a_reason(origin, licence):
    with pytest.raises(PublishingError, match="contradicts") as refusal:
        licence_notes(licence, [Ancestor("parent@1.0.0", origin)])
    assert "--license-reason" in refusal.value.hint
    assert f"parent@1.0.0 is under {origin}" in refusal.value.message
    first, last = licence_notes(licence, [Ancestor("parent@1.0.0", origin)], "they agreed.")
    assert origin in first
    assert last == f"it is published under {licence} because they agreed"


@pytest.mark.parametrize(
    ("origin", "licence", "is_noted"),
    [
        ("MIT", "CC-BY-NC-4.0", False),
        ("CC-BY-4.0", "MIT", False),
        ("MIT OR GPL-3.0-only", "MIT", True),
        ("GPL-3.0-only", "GPL-3.0-or-later", True),
        ("GPL-3.0-only", "MIT AND GPL-3.0-only", True),
        ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", True),
        ("CC-BY-SA-4.0", "LicenseRef-ours", True),
        ("not-stated", "MIT", True),
        ("", "MIT", True),
        ("LicenseRef-theirs", "MIT", True),
        ("MIT AND (", "MIT", True),
    ],
)
def test_what_restricts_or_is_unknown_is_noted(origin, licence, is_noted):
    notes = licence_notes(licence, [Ancestor("parent@1.0.0", origin)])
    assert len(notes) == is_noted
    assert all("parent@1.0.0" in note and origin in note for note in notes)


def test_expressions_are_written_as_spdx_does():
    assert canonical("mit") == "MIT"
    assert canonical("gpl-3.0") == "GPL-3.0-only"
    assert canonical("not-stated") == "not-stated"


def test_the_first_rule_that_fits_is_the_strictest():
    conditions = [rule.condition for rule in RULES]
    assert conditions.index("not commercial, share alike") < conditions.index("not commercial")
    assert conditions.index("no derivatives") == 0


@pytest.fixture
def directory(random_directory, tmp_path):
    return shutil.copytree(random_directory, tmp_path / "model")


def card(directory, licence, parent=None, data=None):
    made = {"training": {"parent": parent, "data": data or {}}} if parent or data else {}
    content = {"kind": "model", "license": licence, "description": "A model", **made}
    (directory / "README.md").write_text(join_front_matter(content, "# A model\n"))


def as_parent(version):
    manifest = version.manifest
    parent = Parent(manifest.name, manifest.version, version.digest, "fine-tuned")
    return {name: getattr(parent, name) for name in ("name", "version", "digest", "relation")}


def test_the_whole_line_of_parents_counts(directory):
    card(directory, "CC-BY-NC-4.0")
    first = publish(directory, "first")
    card(directory, "CC-BY-NC-4.0", as_parent(first))
    second = publish(directory, "second")
    card(directory, "MIT", as_parent(second))
    with pytest.raises(PublishingError, match="contradicts") as refusal:
        publish(directory, "third")
    assert "first@1.0.0 is under CC-BY-NC-4.0" in refusal.value.message
    third = publish(directory, "third", license_reason="the authors of first agreed")
    front_matter, body = split_front_matter((third.path / "README.md").read_text(), "card")
    assert "because the authors of first agreed" in front_matter["license_note"]
    assert "## Licences" in body
    assert "- It is published under MIT because the authors of first agreed." in body
    names = catalogue()
    found = ancestors(names, third.manifest.parents, {})
    assert found == (
        Ancestor("second@1.0.0", "CC-BY-NC-4.0"),
        Ancestor("first@1.0.0", "CC-BY-NC-4.0"),
    )


def test_unknown_parents_are_noted(directory):
    parent = {"directory": "somewhere", "weights_sha256": "0" * 64}
    data = {"dataset": "lab/set@1.0.0", "dataset_digest": "1" * 64}
    card(directory, "MIT", parent, data)
    published = publish(directory, "mine")
    text = (published.path / "README.md").read_text()
    assert "A model in a folder somewhere, which it was trained from, has no known licence." in text
    assert "Lab/set@1.0.0, which it was trained from, has no known licence." in text


def test_a_model_of_permissive_parents_says_nothing(directory):
    card(directory, "MIT")
    first = publish(directory, "first")
    card(directory, "CC-BY-4.0", as_parent(first))
    second = publish(directory, "second")
    assert "license_note" not in (second.path / "README.md").read_text()


def test_the_guide_shows_the_rules():
    text = guide("hugging-face").replace("\\*", "*").replace("CC-BY-*, Unl", "CC-BY-[0-9]*, Unl")
    for rule in RULES:
        allowed = "any" if rule.allowed == ("*",) else ", ".join(rule.allowed) or "none"
        assert f"| {rule.condition} | {', '.join(rule.licences)} | {allowed} |" in text
