"""Reports: what is in the page, and that nothing written by others acts in it."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from shutil import copytree

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from hub.evaluation.report.worst import worst_structures
from hub.evaluation.result import assess
from hub.potentials.batches import Predictions
from hub.structures import StructureSet
from hub.structures.collector import ReadResult
from tests.hub.potentials.small import hydrocarbon

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "</style></title><img src=http://evil.example/x onerror=alert(1)>"
FORMULA = r"$\frac{1}{ $ \"quoted\" 'and' {{ 7 * 7 }} {% raw %}"
HIDDEN = "a\u202eb\x1b[31m"
CARD = f"""---
kind: model
license: MIT
citation: |
  @misc{{key{SCRIPT}, title={{{BREAKOUT}}}, doi={{10.1000/xyz}}}}
training: {{seed: [3], recipe: {{name: "<i>{SCRIPT}"}}, data: none}}
---
# {SCRIPT}
"""


class Page(HTMLParser):
    """What a browser would see: the elements with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements, self.text, self.style, self._inside = [], "", "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "style":
            self.style += data
        else:
            self.text += data

    def attributes(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def labelled(types, rng):
    structures = []
    for index, config_type in enumerate(types):
        atoms = hydrocarbon(index)
        atoms.info["config_type"] = config_type
        forces = rng.normal(size=(len(atoms), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=-90.0 + rng.normal(), forces=forces)
        structures.append(atoms)
    return structures


@pytest.mark.slow
def test_nothing_of_others_acts_in_the_page(command, tmp_path, random_directory):
    names = ('"><script>alert(1)<', "$x_{")
    for name in names:
        copytree(random_directory, tmp_path / name)
        (tmp_path / name / "README.md").write_text(CARD, encoding="utf-8")
    file = "<b onclick=alert(1)>.xyz"
    types = [SCRIPT, BREAKOUT, FORMULA, HIDDEN] * 2
    write(tmp_path / file, labelled(types, np.random.default_rng(0)), format="extxyz")
    command("evaluate", *names, "--committee", "--data", file, "--report", "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert_passive(page)
    assert_policy_fits(page)
    for hostile in (SCRIPT, BREAKOUT, "<b onclick=alert(1)>.xyz[0]", "{{ 7 * 7 }} {% raw %}"):
        assert hostile in page.text
    assert f"recipe <i>{SCRIPT}" in page.text
    assert r"a\u202eb\x1b[31m" in page.text
    assert "\u202e" not in page.text


def assert_passive(page):
    known = "html head meta title style body header footer nav main h1 h2 h3 p div dl dt dd table"
    known += " thead tbody tr th td a code pre em strong span ul li br img figure figcaption"
    assert {tag for tag, _ in page.elements} <= set(known.split())
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
    assert all(each["src"].startswith("data:image/png;base64,") for each in page.attributes("img"))
    assert all(each["href"].startswith("#") for each in page.attributes("a"))


def assert_policy_fits(page):
    (policy,) = [each["content"] for each in page.attributes("meta") if "http-equiv" in each]
    digest = b64encode(sha256(page.style.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert "url(" not in page.style
    assert "@import" not in page.style
    pictures = [b64decode(each["src"].split(",")[1]) for each in page.attributes("img")]
    assert all(each.startswith(b"\x89PNG") for each in pictures)
    # Bars, parity, calibration, and for two models and their mean a scale and four structures.
    assert len(pictures) == 3 + 3 * (1 + 4)


def test_a_report_says_what_was_measured_and_where_it_comes_from(
    command, tmp_path, random_directory
):
    rng = np.random.default_rng(1)
    structures = labelled(["good", "bad", "good"], rng)
    structures[1].calc.results["forces"][3] += 7.0
    write(tmp_path / "data.xyz", structures, format="extxyz")
    run = tmp_path / "runs" / "a"
    copytree(random_directory, run / "model")
    write(run / "test-predictions.extxyz", structures, format="extxyz")
    done = command("evaluate", "runs/a", "--report", "out/report.html", "--details")
    assert "report: out/report.html" in done.err
    page = Page((tmp_path / "out/report.html").read_text(encoding="utf-8"))
    for row in done.out.splitlines():
        for cell in re.split(r"\s{2,}", row):
            assert cell in page.text
    assert "hub evaluate runs/a --data runs/a/test-predictions.extxyz" in page.text
    assert "net-force" in page.text  # a finding of the checks
    captions = re.findall(r"test-predictions\.extxyz\[(\d)\]\s*C10H6", page.text)
    assert captions[0] == "1"
    assert "not recorded: how it was made" in page.text


def test_worst_structures_by_forces_and_else_by_energies():
    rng = np.random.default_rng(2)
    structures = StructureSet.from_atoms(labelled(["a"] * 4, rng))
    off = np.array([0.1, -0.4, 0.2, 0.3])
    energies = structures.energies + off * structures.n_atoms
    forces = np.split(structures.forces.copy(), structures.pointers[1:-1])
    for index, error in enumerate((0.3, 0.0, 2.0, 1.0)):
        forces[index][5] += [error, 0.0, 0.0]
    predictions = Predictions(energies, tuple(forces), np.full((4, 3, 3), np.nan))
    read = ReadResult(structures, "energy", "forces")
    found = replace(assess("m", "m", read, predictions), shifted=None)
    worst = worst_structures(found, 3)
    assert [each.index for each in worst] == [2, 3, 0]
    assert worst[0].largest == pytest.approx(2.0)
    assert worst[0].force_rmse == pytest.approx(2.0 / 48**0.5)
    assert worst[0].energy_error == pytest.approx(200.0)
    structures.forces[:] = np.nan
    found = replace(assess("m", "m", read, predictions), shifted=None)
    assert [each.index for each in worst_structures(found, 9)] == [1, 3, 2, 0]
    structures.energies[:] = np.nan
    found = replace(found, predictions=predictions)
    assert worst_structures(found, 9) == []


def test_molecules_and_energies_alone_are_drawn(command, tmp_path, random_directory):
    structures = []
    for name in ("CH4", "C2H6", "C6H6", "H2", "CH4"):
        atoms = molecule(name)
        atoms.info["dft_energy"] = -5.0 * len(atoms)
        structures.append(atoms)
    write(tmp_path / "molecules.xyz", structures, format="extxyz")
    command("evaluate", random_directory, "--data", "molecules.xyz", "--report", "r.html")
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert len(page.attributes("figure")) == 5
    assert "force RMSE" not in page.text.partition("Worst structures")[2]


def test_mistakes_are_answered(command, tmp_path, random_directory):
    write(tmp_path / "data.xyz", labelled(["a"], np.random.default_rng(0)), format="extxyz")
    given = (random_directory, "--data", "data.xyz", "--report")
    assert "ends in .html" in command("evaluate", *given, "report.pdf", code=1).err
    (tmp_path / "folder.html").mkdir()
    command("evaluate", *given, "folder.html", code=2)
    (tmp_path / "link.html").symlink_to(tmp_path / "data.xyz")
    assert "is a link" in command("evaluate", *given, "link.html", code=1).err
    compared = command("evaluate", "set", "--labels", "a,b", "--report", "r.html", code=2)
    assert "--report needs --data" in compared.err
    assert not (tmp_path / "r.html").exists()
