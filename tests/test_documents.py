"""README and guides: every command in them is run, every link leads somewhere."""

import re
from pathlib import Path

import pytest
from filelock import FileLock

from tests.fenced import (
    ROOT,
    Reader,
    blocks_of,
    differences,
    moved,
    rewritten,
    transcript,
    unmarked,
)

README = ROOT / "README.md"
GUIDES = sorted((ROOT / "hub" / "guide").glob("*.md"))
OTHERS = [
    ROOT / ".github" / "CONTRIBUTING.md",
    ROOT / "registry" / "FORMAT.md",
    ROOT / "hub" / "datasets" / "FORMAT.md",
    ROOT / "cards" / "README.md",
]
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="session")
def after_readme(tmp_path_factory, worker_id):
    """The home of a reader who has run the README, with what went wrong; run once for all."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    home, report = shared / "reader", shared / "reader.txt"
    with FileLock(shared / "reader.lock"):
        if not report.exists():
            home.mkdir()
            report.write_text("\n".join(Reader(home).run(README)), encoding="utf-8")
    return home, report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_command_of_the_readme_does_what_it_says(after_readme):
    _home, wrong = after_readme
    assert not wrong, wrong


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_command_of_a_guide_does_what_it_says(guide, after_readme, tmp_path):
    home = moved(after_readme[0], tmp_path / "reader")
    wrong = Reader(home).run(guide)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("document", [README, *GUIDES, *OTHERS], ids=lambda path: path.stem)
def test_every_block_is_run_or_says_why_not(document):
    problems = {block.line: unmarked(block) for block in blocks_of(document)}
    assert not {line: problem for line, problem in problems.items() if problem}


@pytest.mark.parametrize("document", [README, *GUIDES, *OTHERS], ids=lambda path: path.stem)
def test_every_relative_link_leads_to_a_file(document):
    links = _LINK.findall(document.read_text(encoding="utf-8"))
    local = [link.partition("#")[0] for link in links if "://" not in link]
    assert not [link for link in local if link and not (document.parent / link).exists()]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_is_short_and_begins_with_title_and_summary(guide):
    title, summary, rest = guide.read_text(encoding="utf-8").split("\n\n", maxsplit=2)
    assert re.fullmatch(r"# [^\n]+", title)
    assert "\n" not in summary
    assert len(summary) <= 120
    assert guide.stem == "commands" or rest.count("\n") < 160


def test_the_readme_is_short_and_names_every_guide():
    text = README.read_text(encoding="utf-8")
    assert text.count("\n") <= 200
    missing = [path.name for path in GUIDES if f"(hub/guide/{path.name})" not in text]
    assert not missing


class TestDifferences:
    """What the comparison lets pass, and what it does not."""

    def test_times_and_progress_do_not_count(self):
        told = "epoch 3: validation 4.1 meV/atom (3.3 s)\ndone in 2 min 3 s\n"
        assert not differences(told, "done in 14 s", numbers_vary=False)

    def test_another_number_counts(self):
        assert differences("energy 2.51", "energy 2.31", numbers_vary=False)
        assert not differences("energy 2.51", "energy 2.31", numbers_vary=True)

    def test_another_word_counts(self):
        assert differences("energy 2.51", "force 2.51", numbers_vary=True)

    def test_lines_that_are_left_out_are_marked(self):
        assert not differences("a\nb\nc\nd", "a\n...\nd", numbers_vary=False)
        assert differences("a\nb\nc\nd", "a\nd", numbers_vary=False)
        assert differences("a\nb\nc", "a\n...\nd", numbers_vary=False)

    def test_a_transcript_has_commands_with_their_output(self):
        text = "$ hub list \\\n    --json\n[]\n$ hub cache size\n1 MB\n2 files\n"
        assert list(transcript(text)) == [
            ("hub list \\\n    --json", "[]"),
            ("hub cache size", "1 MB\n2 files"),
        ]


def test_a_failing_command_is_found(tmp_path: Path):
    document = tmp_path / "document.md"
    document.write_text("```console\n$ echo 1\n2\n$ false\n```\n\n```bash\nfalse\ntrue\n```\n")
    home = tmp_path / "home"
    home.mkdir()
    assert len(Reader(home).run(document)) == 3


def test_outputs_can_be_written_anew(tmp_path):
    document, home = tmp_path / "document.md", tmp_path / "home"
    home.mkdir()
    old = (
        "# A\n\n```console\n$ echo 1\n2\n$ seq 3\n1\n...\n$ true\n```\n\n"
        "```python\nprint(5)\n```\n\n```text output\n6\n```\n\n```bash not-run: no\nfalse\n```\n"
    )
    document.write_text(old)
    new = rewritten(document, home)
    assert new == old.replace("\n2\n$ seq", "\n1\n$ seq").replace("\n6\n", "\n5\n")
    document.write_text(new)
    assert not Reader(home).run(document)
