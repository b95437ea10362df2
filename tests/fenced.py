"""Run the fenced blocks of a Markdown document as its reader would, and compare what they print.

What follows the language of a block says how it is run:

    ```console                       each `$ command`; its output is compared with what follows
    ```bash                          a script that must succeed
    ```python                        a script that must succeed
    ```text output                   what the block before it prints
    ```json file: settings.json      a file that the blocks after it use
    ```bash not-run: needs ...       not run, for this reason
    ```console numbers-vary          numbers and digests are not compared
"""

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = "/home/ada"  # of the reader
RUN = {"bash", "console", "python"}
SHOWN = {"text", "toml", "json", "yaml", "bibtex"}
LONGEST = 600  # seconds

BLOCK = re.compile(r"^```(\w*)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELLIPSIS = re.compile(r"^\.\.\.$", re.MULTILINE)  # stands for any lines
_TIME = re.compile(r"\b(\d+ h )?(\d+ min )?\d+(\.\d+)? (ms|s|min|h)\b")
_PROGRESS = re.compile(r"^epoch \d+: .*\n", re.MULTILINE)  # one every few seconds
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]\d+)?(?![\w.-]*\w)")
_DIGEST = re.compile(r"\b[0-9a-f]{12,64}\b")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what follows it, its text, and the line it begins at."""

    language: str
    info: str
    text: str
    line: int = 0

    @classmethod
    def of(cls, found):
        """Return the block that `BLOCK` has found."""
        return cls(
            found[1], found[2] or "", found[3], found.string[: found.start()].count("\n") + 1
        )

    @property
    def reason(self) -> str:
        """Why it is not run."""
        return self.info.partition("not-run:")[2].strip()

    @property
    def file(self) -> str:
        """The file that it is."""
        return self.info.partition("file:")[2].strip()

    @property
    def numbers_vary(self) -> bool:
        return "numbers-vary" in self.info.split()

    @property
    def is_output(self) -> bool:
        return "output" in self.info.split()


def blocks_of(document):
    """Return the fenced blocks of a document, in order."""
    text = document.read_text(encoding="utf-8")
    return [Block.of(found) for found in BLOCK.finditer(text)]


def unmarked(block):
    """Return what is wrong with the mark of a block, or nothing."""
    if block.language in RUN:
        return "not-run without a reason" if "not-run" in block.info and not block.reason else ""
    if block.language not in SHOWN:
        return f"the language {block.language!r} is neither run nor known to be shown only"
    return "only what is run can be marked not-run" if "not-run" in block.info else ""


class Reader:
    """Somebody with a home folder, who runs every block of a document in it, in order."""

    def __init__(self, home: Path) -> None:
        self.home = home
        programs = home / ".bin"
        programs.mkdir(exist_ok=True)
        for name, arguments in (("hub", " -m hub.cli.main"), ("python", "")):
            script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{arguments} "$@"\n'
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HUB_", "XDG_"))}
        folder = Path(sys.executable).parent
        self.environment = {
            **kept,
            "HOME": str(home),
            "PATH": f"{programs}:{folder}:{kept['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "MPLBACKEND": "agg",
            "MPLCONFIGDIR": str(home.parent / "matplotlib"),
            "COLUMNS": "120",
        }

    def run(self, document):
        """Run a document; return what differs from what it says."""
        blocks = blocks_of(document)
        wrong = []
        for block, after in pairwise([*blocks, Block("", "", "")]):
            if block.file:
                (self.home / block.file).write_text(block.text, encoding="utf-8")
            if block.language in RUN and not block.reason:
                expected = after if after.is_output else None
                wrong += [
                    f"{document.name}:{block.line}: {each}" for each in self._try(block, expected)
                ]
        return wrong

    def run_script(self, block):
        """Return exit code and output of a block that is a script."""
        if block.language == "bash":
            return self.execute(["bash", "-euo", "pipefail", "-c", block.text])
        return self.execute(["python", "-c", block.text])

    def run_command(self, command):
        """Return exit code and output of a command of a console block."""
        return self.execute(["bash", "-c", command])

    def _try(self, block, expected):
        """Yield what is wrong with a block, and with the block of its output."""
        if block.language == "console":
            for command, output in transcript(block.text):
                yield from self._try_command(command, output, numbers_vary=block.numbers_vary)
            return
        code, told = self.run_script(block)
        if code:
            yield f"exit code {code} of\n{block.text}\n{told}"
        elif expected is not None:
            yield from differences(told, expected.text, numbers_vary=expected.numbers_vary)

    def _try_command(self, command, output, *, numbers_vary):
        code, told = self.run_command(command)
        if bool(code) != ("error:" in output):
            yield f"exit code {code} of {command}\n{told}"
        for each in differences(told, output, numbers_vary=numbers_vary):
            yield f"{each}\nby {command}"

    def execute(self, arguments):
        """Return exit code and output, with the reader's home named as in the documents."""
        done = subprocess.run(
            arguments,
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=LONGEST,
        )
        return done.returncode, done.stdout.replace(str(self.home), HOME)


def moved(home, target):
    """Copy the home of a reader, and say in the settings where the registries are now."""
    shutil.copytree(home, target, symlinks=True)
    settings = target / ".cache" / "mlip-hub" / "settings.json"
    settings.write_text(settings.read_text().replace(str(home), str(target)))
    return target


def transcript(text):
    """Yield each command of a console block with the output shown for it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = next(i for i, line in enumerate(lines, 1) if not line.endswith("\\"))
        yield "\n".join(lines[:length]), "\n".join(lines[length:])


def differences(told, shown, *, numbers_vary):
    """Return how an output differs from the one shown, in which `...` stands for any lines."""
    actual, expected = (_normal(text, numbers_vary=numbers_vary) for text in (told, shown))
    pattern = "(?s:.*)".join(re.escape(_NUMBER.sub("#", part)) for part in ELLIPSIS.split(expected))
    if not re.fullmatch(pattern, _NUMBER.sub("#", actual)):
        return [f"prints\n{told}\nrather than\n{shown}"]
    if "..." in expected or all(map(_near, _NUMBER.findall(actual), _NUMBER.findall(expected))):
        return []
    return [f"prints other numbers:\n{told}\nrather than\n{shown}"]


def _normal(text, *, numbers_vary):
    """Write a text without what differs from run to run, and with single spaces."""
    text = _TIME.sub("TIME", _PROGRESS.sub("", text + "\n"))
    if numbers_vary:
        text = _NUMBER.sub("#", _DIGEST.sub("DIGEST", text))
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return "\n".join(lines).strip()


def _near(one, other):
    """Whether two numbers are the same up to what another processor makes of them."""
    first, second = (float(each.replace(",", "")) for each in (one, other))
    return math.isclose(first, second, rel_tol=0.02, abs_tol=0.002)


def rewritten(document, home):
    """Return a document with what its commands print now; shortened outputs stay as they are."""
    reader, printed = Reader(home), ""

    def now(found):
        nonlocal printed
        block = Block.of(found)
        text = block.text
        if block.file:
            (home / block.file).write_text(text, encoding="utf-8")
        if block.is_output and not ELLIPSIS.search(text):
            text = printed
        elif block.language == "console" and not block.reason:
            text = "".join(_command_now(reader, *pair) for pair in transcript(text))
        elif block.language in RUN and not block.reason:
            _code, printed = reader.run_script(block)
        head = f"```{block.language} {block.info}".rstrip()
        return f"{head}\n{text}```"

    return BLOCK.sub(now, document.read_text(encoding="utf-8"))


def _command_now(reader, command, shown):
    _code, told = reader.run_command(command)
    output = shown if ELLIPSIS.search(shown) else told.rstrip()
    return f"$ {command}\n{output}\n" if output else f"$ {command}\n"
