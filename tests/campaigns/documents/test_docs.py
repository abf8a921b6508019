"""The documents are true: every file in them is written, every command in them is run.

In a document, a fenced block whose first line is `# file: NAME` is a file; so is one below the line
`<!-- file: NAME -->`, for files that cannot have a comment. A ```console block holds commands, run
in order in the folder with the document's files:

    $ flowrun red.yaml --set seed=7        # exit 1
      evaluate      metrics {mae 0.51688, ...}  0.002 s
    ...

The exit code is 0 if no comment says otherwise. The lines below a command are its output, whole.
`...` stands for anything: alone on a line, for any lines; within a line, for any text. Seconds and
the ids of runs are not compared; of other decimals, the last digit that is shown may differ by one.
A command without lines below it may print anything. Lines for imports are left out, as a process
that is forked for a test has imported everything. So are lines for steps that are recomputed, as it
depends on the time that they took whether their outputs are stored.
`$ NAME=value flowrun ...` sets a variable for that command.
`$ pip install ./FOLDER` makes the plugin package in FOLDER known to the commands below it.
A document whose ```sh block begins with `pip install NAME` is skipped where NAME is not installed.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import metadata
from pathlib import Path

import pytest

import flowrun
from flowrun import hookspecs
from flowrun.recipes.keys import STEP_KEYS, TOP_KEYS
from tests import processes
from tests.sampling import IS_WHOLE

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted((ROOT / "docs").rglob("*.md"))
LINKED = [*DOCUMENTS, *(ROOT / name for name in ("README.md", "SECURITY.md", "data/README.md"))]
# docs/mistakes.md is made from tests/campaigns/mistakes, and is run there.
RUN = [path for path in DOCUMENTS if "\n```console\n" in path.read_text(encoding="utf-8")]
REAL_DATA = os.environ.get("FLOWRUN_DATA_PATH", "")
SLOW = ("mlflow.md",)  # each of its processes imports a large library

_BLOCK = re.compile(r"(?:^<!-- file: (\S+) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# file: (\S+)\n")
_NEEDED = re.compile(r"pip install '?([\w-]+)")
_EXIT = re.compile(r"#.*\bexit (\d+)\s*$")
_VARYING = re.compile(
    r"(\d+\.\d+) ?s\b|\d{8}-\d{6}-[0-9a-f]{6}|(-?\d+\.\d+(?:e[+-]?\d+)?)|(\.\.\.)"
)
_ROUNDING = Decimal("1e-6")  # of float32, in another order of sums
_VARIABLE = re.compile(
    r"  importing     \S+  \d+\.\d+ s| +recomputed .*, whose outputs are not stored"
)
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"


@dataclass
class Command:
    """One command of a document, and what the document shows of its output."""

    line: str
    code: int
    shown: list[str] = field(default_factory=list)


def blocks(document: Path) -> list[tuple[str, str]]:
    """Every fenced block as its language and its text, which begins with the name of a file."""
    found = _BLOCK.findall(document.read_text(encoding="utf-8"))
    return [
        (language, f"# file: {name}\n{text}" if name else text) for name, language, text in found
    ]


def commands(text: str) -> list[Command]:
    """The commands of one console block."""
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            code = _EXIT.search(line)
            found.append(Command(line[2:], int(code.group(1)) if code else 0))
        else:
            found[-1].shown.append(line)
    return found


def matches(shown: str, line: str) -> bool:
    """Whether a line of output is the one shown, apart from seconds, ids and the last digits."""
    pattern, position, numbers = "", 0, []
    for found in _VARYING.finditer(shown.rstrip()):
        pattern += re.escape(shown[position : found.start()])
        position = found.end()
        if found.group(1):
            pattern += r"\d+\.\d+ ?s"
        elif found.group(2):
            pattern += _NUMBER
            numbers.append(Decimal(found.group(2)))
        else:
            pattern += ".*" if found.group(3) else r"\d{8}-\d{6}-[0-9a-f]{6}"
    match = re.fullmatch(pattern + re.escape(shown.rstrip()[position:]), line.rstrip())
    return match is not None and all(
        abs(Decimal(found) - number) <= max(_last_digit(number), abs(number) * _ROUNDING)
        for found, number in zip(match.groups(), numbers, strict=True)
    )


def _last_digit(number: Decimal) -> Decimal:
    return Decimal((0, (1,), int(number.as_tuple().exponent)))


def first_difference(shown: list[str], output: list[str]) -> str | None:
    """What differs first between the lines of a document and those of the output."""
    shown, output = (
        [line for line in lines if line.strip() and not _VARIABLE.fullmatch(line)]
        for lines in (shown, output)
    )
    at = 0
    for number, line in enumerate(shown):
        if line.strip() == "...":
            continue
        follows = number == 0 or shown[number - 1].strip() != "..."
        places = [at] if follows else range(at, len(output))
        found = next((i for i in places if i < len(output) and matches(line, output[i])), None)
        if found is None:
            real = output[at] if follows and at < len(output) else "nothing like it"
            return f"shown: {line}\nfound: {real}"
        at = found + 1
    if shown and shown[-1].strip() != "..." and at < len(output):
        return f"shown: no further line\nfound: {output[at]}"
    return None


def difference(command: Command, code: int, output: str) -> list[str]:
    """What is not as the document shows it, with the whole output; nothing if all is."""
    found = first_difference(command.shown, output.splitlines())
    if code != command.code:
        found = f"shown: exit {command.code}\nfound: exit {code}"
    return [] if found is None else [f"$ {command.line}\n{found}\n{output}"]


def write(path: Path, text: str, below_the_name: str) -> None:
    """Write a file of a document; its first line stays where it is a comment in that language."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.suffix in (".py", ".yaml", ".toml")
    path.write_text(text if whole else below_the_name, encoding="utf-8")


def run(command: Command, folder: Path, installed: list[Path], **variables: str) -> tuple[int, str]:
    """Run `flowrun ...` or `python ...` as a user would; gives the exit code and all output."""
    words = shlex.split(command.line, comments=True)
    set_before = list(itertools.takewhile(re.compile(r"[A-Z]\w*=").match, words))
    program, *arguments = words[len(set_before) :]
    programs = {"flowrun": ["-m", "flowrun"], "python": []}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FLOWRUN_")}
    done = processes.run(
        [*programs[program], *arguments],
        cwd=folder,
        env=kept
        | {"FLOWRUN_OFFLINE": "1", "FLOWRUN_CACHE": str(folder / "cache"), "COLUMNS": "100"}
        | {"PYTHONPATH": os.pathsep.join(map(str, installed)), "PYTHONUNBUFFERED": "1"}
        | variables
        | dict(word.split("=", 1) for word in set_before),
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    return done.returncode, done.stdout.replace(f"{folder}{os.sep}", "")


def install(folder: Path) -> Path:
    """What `pip install` leaves for importlib.metadata, without a network or a build."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text(points)
    return folder


def named(document: Path) -> str:
    """A document's name in reports: its path, as two folders may have a file of one name."""
    return str(document.relative_to(ROOT))


def skip_without_its_packages(document: Path) -> None:
    """Skip the test where a package that the document tells to install is not there."""
    for language, text in blocks(document):
        needed = _NEEDED.match(text) if language == "sh" else None
        if needed is None:
            continue
        try:
            metadata.distribution(needed.group(1))
        except metadata.PackageNotFoundError:
            pytest.skip(f"{named(document)} needs {needed.group(1)}, which is not installed")


@pytest.mark.parametrize("document", RUN, ids=named)
def test_every_command_of_a_document_does_what_is_shown(document: Path, tmp_path: Path) -> None:
    if document.name in SLOW and not IS_WHOLE:
        pytest.skip("a part of `make campaigns` alone")
    skip_without_its_packages(document)
    installed: list[Path] = []
    wrong: list[str] = []
    for language, text in blocks(document):
        if name := _FILE.match(text):
            write(tmp_path / name.group(1), text, text[name.end() :])
        for command in commands(text) if language == "console" else ():
            if command.line.startswith("pip install ./"):
                installed.append(install(tmp_path / command.line.removeprefix("pip install ./")))
            else:
                code, output = run(command, tmp_path, installed)
                wrong += difference(command, code, output)
    assert not wrong, "\n\n".join(wrong)


def test_the_readme_works_as_written(tmp_path: Path) -> None:
    """From the project's folder, after `make run`, with a table of one's own."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    rows = (f"{area},{area % 7},{1500 * area + 9000 * (area % 7)}" for area in range(40, 340))
    (tmp_path / "houses.csv").write_text("\n".join(["area,rooms,price", *rows]))
    folder, wrong = tmp_path, []
    readme = blocks(ROOT / "README.md")
    for _, text in readme:
        if name := _FILE.match(text):
            write(folder / name.group(1), text, text[name.end() :])
    for command in [one for kind, text in readme if kind == "console" for one in commands(text)]:
        made = re.match(r"mkdir (\w+) && cd (\w+)$", command.line)
        if made is not None:
            folder = folder / made[2]
            folder.mkdir()
        elif command.line.startswith(("flowrun ", "python ")):
            code, output = run(command, folder, [])
            wrong += difference(command, code, output)
    code, output = run(Command("flowrun mine.yaml", 0), tmp_path, [])
    assert (code, "r2 1}" in output) == (0, True), output
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.skipif(not REAL_DATA, reason="the real wine files are not in FLOWRUN_DATA_PATH")
def test_the_readme_shows_what_the_main_job_prints(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shown = next(text for kind, text in blocks(ROOT / "README.md") if kind == "text")
    command = Command("flowrun recipes/red_linear.yaml", 0, shown.splitlines())
    code, output = run(command, tmp_path, [], FLOWRUN_DATA_PATH=REAL_DATA)
    assert difference(command, code, output) == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120


@pytest.mark.parametrize("document", LINKED, ids=named)
def test_links_between_files_lead_somewhere(document: Path) -> None:
    text = _BLOCK.sub("", document.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        if "://" in file:
            continue
        path = (document.parent / file).resolve() if file else document
        assert path.exists(), f"{named(document)} links to {target}"
        if heading:
            assert heading in headings(path), f"{named(document)} links to {target}"


def headings(document: Path) -> set[str]:
    """The anchors of a Markdown file: those its headings get, and those written out."""
    text = _BLOCK.sub("", document.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return made | set(re.findall(r'id="([^"]+)"', text))


def said(document: str, names: list[str]) -> list[str]:
    """The names that a document nowhere sets as code."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return [name for name in names if not re.search(rf"(`|`[^`\n]*\b){re.escape(name)}\b", text)]


def test_the_reference_names_every_key_of_a_recipe() -> None:
    assert said("recipes.md", [*TOP_KEYS, *STEP_KEYS]) == []


def test_the_guide_names_every_hook() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("flowrun_")]
    assert said("plugins.md", hooks) == []


def test_the_guides_name_every_public_name() -> None:
    missing = set(said("plugins.md", dir(flowrun))) & set(said("python.md", dir(flowrun)))
    assert sorted(missing) == []
