"""What the list and the pages say of a version: errors, level of theory, lineage."""

import pytest

from hub.site.described import short_theory
from hub.site.measured import headline, number, tables
from tests.hub.site.conftest import data_of, rows_of
from tests.hub.site.hostile import BAD

PUBLISHED = {
    "measured_errors": {
        "pretraining": {
            "test_set": "held out",
            "errors": [{"n_train": 100, "force_rmse_eV_per_A": 0.5}],
        },
        "from_scratch": {
            "errors": [
                {"n_train": 25, "energy_rmse_meV_per_atom": 90, "force_rmse_eV_per_A": 1.2},
                {"n_train": 50, "energy_rmse_meV_per_atom": 70, "force_rmse_eV_per_A": 1.1},
                {"n_train": 75, "force_rmse_eV_per_A": None},
            ]
        },
    }
}


def test_errors_of_published_models():
    pretraining, scratch = tables(PUBLISHED)
    assert (pretraining.title, pretraining.test_set) == ("Pre-training", "held out")
    assert [row.n_train for row in scratch.rows] == [25, 50]
    assert scratch.is_curve
    assert not pretraining.is_curve
    assert [column[0] for column in scratch.columns] == ["energy_rmse", "force_rmse"]
    assert headline((pretraining, scratch)) == pretraining.rows[0]


def test_errors_of_our_own_trainings():
    groups = {
        "all structures": {"n_structures": 5, "energy_rmse": 3.0, "force_rmse": 0.2},
        "bulk": {"n_structures": 2, "energy_rmse": 1.0, "force_rmse": 0.1, "force_mae": 0.05},
    }
    stated = {"set": "test", "n_structures": 5, "before": None, "after": groups}
    (after,) = tables({"measured_errors": stated})
    assert after.test_set == "test set, 5 structures"
    assert headline((after,)).force_rmse == 0.2


@pytest.mark.parametrize(
    "odd",
    [None, [], "x", {"after": [1]}, {"after": {"a": "b"}}, {"pretraining": {"errors": [1, {}]}}],
)
def test_errors_that_cannot_be_understood_are_left_out(odd):
    assert tables({"measured_errors": odd}) == ()
    assert headline(()) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (2.5, 2.5), (True, None), ("3", None), (float("nan"), None), (10**400, None)],
)
def test_numbers(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("text", "short"),
    [("PBE, plane waves to 500 eV", "PBE"), ("PBE (VASP)", "PBE"), ("x" * 50, "x" * 39 + "…")],
)
def test_a_level_of_theory_is_named_by_its_first_part(text, short):
    assert short_theory(text) == short


def test_lineage_leads_to_data_and_only_the_teacher_in_use(built):
    graph = data_of(built.path / "versions/builtin/c-ace-pretrained/1.0.0.html")["graph"]
    assert graph["edges"] == [
        ["builtin/c-synth-23m@1.0.0", "builtin/c-ace-pretrained@1.0.0", "trained-on"],
        ["ACE", "builtin/c-synth-23m@1.0.0", "labelled-by"],
    ]
    graph = data_of(built.path / "versions/builtin/c-synth-23m/1.0.0.html")["graph"]
    names = {node["id"] for node in graph["nodes"]}
    assert {"ACE", "LCBOP", "builtin/c-lcbop-pretrained@1.0.0"} <= names


def test_lineage_within_a_registry(built):
    graph = data_of(built.path / "versions/many/potential-00003/1.0.0.html")["graph"]
    edges = {(start, end) for start, end, _ in graph["edges"]}
    own = "many/potential-00003@1.0.0"
    assert ("many/potential-00002@1.1.0", own) in edges
    assert (own, "many/potential-00003@1.1.0") in edges
    paths = {node["id"]: node["path"] for node in graph["nodes"]}
    assert paths["many/potential-00002@1.1.0"] == "versions/many/potential-00002/1.1.0.html"


def test_a_parent_that_is_not_listed_has_no_link(built):
    graph = data_of(built.path / "versions/hostile/hostile/1.1.0.html")["graph"]
    (absent,) = [node for node in graph["nodes"] if node["id"] == "absent@1.0.0"]
    assert (absent["path"], absent["note"]) == ("", "not listed here")
    assert BAD in {relation for _, _, relation in graph["edges"]}


def test_the_list_has_levels_of_theory_and_speeds(built):
    rows = {row["n"]: row for row in rows_of(built.path) if row["new"]}
    assert rows["c-nep-pretrained"]["t"] == ["NEP"]
    assert rows["c-pbe-examples"]["t"] == ["PBE"]
    assert rows["hostile"]["us"] == 1.5
    assert rows["sevennet-0"]["us"] is None
