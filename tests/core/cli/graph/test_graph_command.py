"""The command `flowrun graph`: formats, files, mistakes, and who lays out an SVG."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Flowrun
from tests.core.cli.graph.graph_readers import can_lay_out
from tests.core.cli.graph.graph_recipes import FIELDS, STEPS

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _steps(write: Write) -> None:
    write("steps.py", STEPS)


@pytest.mark.parametrize(
    ("file", "arguments", "begins"),
    [
        ("flow.mmd", [], "---\ntitle"),
        ("flow.mermaid", [], "---\ntitle"),
        ("flow.dot", [], "digraph"),
        ("flow.GV", [], "digraph"),
        ("flow.svg", [], "<?xml"),
        ("flow.txt", ["--format", "dot"], "digraph"),
        ("flow.svg", ["--format", "mermaid"], "---\ntitle"),
        ("docs/new/flow.dot", [], "digraph"),
    ],
    ids=str,
)
def test_the_format_is_that_of_the_suffix_unless_it_is_given(
    flowrun: Flowrun, write: Write, tmp_path: Path, file: str, arguments: list[str], begins: str
) -> None:
    if begins == "<?xml" and not can_lay_out():
        pytest.skip("an SVG needs the extra `graph`, or the program `dot`")
    write("r.yaml", FIELDS)
    done = flowrun("graph", "r.yaml", "-o", file, *arguments)
    assert (done.returncode, done.stdout) == (0, f"wrote {file}\n"), done.stderr
    assert (tmp_path / file).read_text().startswith(begins)


def test_without_a_file_mermaid_is_printed_and_nothing_is_written(
    flowrun: Flowrun, write: Write, tmp_path: Path
) -> None:
    write("r.yaml", FIELDS)
    before = sorted(tmp_path.iterdir())
    assert flowrun("graph", "r.yaml").stdout.startswith("---\ntitle")
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_is_replaced_whole_or_not_at_all(
    flowrun: Flowrun, write: Write, tmp_path: Path
) -> None:
    write("r.yaml", FIELDS)
    old = write("flow.dot", "old")
    reader = old.open()  # who has the old file open goes on reading the old one
    assert flowrun("graph", "r.yaml", "-o", "flow.dot").returncode == 0
    assert reader.read() == "old"
    assert old.read_text().startswith("digraph")
    write("r.yaml", FIELDS + "colour: red\n")
    assert flowrun("graph", "r.yaml", "-o", "flow.dot").returncode == 2
    assert old.read_text().startswith("digraph")
    assert [path.name for path in tmp_path.iterdir() if "tmp" in path.name] == []


def test_without_shapes_no_tensor_library_is_loaded(flowrun: Flowrun) -> None:
    recipe = Path(__file__).parents[4] / "recipes/red_mlp.yaml"
    done = flowrun("graph", recipe, "--no-shapes", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "flowrun.cli.graph.mermaid" in loaded
    assert not loaded & {"torch", "numpy", "pygraphviz"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.yaml"], "there is no file `nothing.yaml`"),
        (["wrong.yaml"], "`colour` is not a key of a recipe"),
        (["r.yaml", "--set", "sow.nothing=1"], "nothing"),
        (["r.yaml", "-o", "flow.png"], ".mmd or .mermaid for mermaid; .dot or .gv for dot; .svg"),
        (["r.yaml", "--format", "png"], "'mermaid', 'dot', 'svg'"),
        (["r.yaml", "-o", "r.yaml/flow.dot"], "cannot write r.yaml/flow.dot: "),
    ],
    ids=str,
)
def test_a_mistake_ends_with_code_2_and_says_what_is_wrong(
    flowrun: Flowrun, write: Write, arguments: list[str], said: str
) -> None:
    write("r.yaml", FIELDS)
    write("wrong.yaml", FIELDS + "colour: red\n")
    done = flowrun("graph", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise PluginError('none today')", "none today"),
        ("raise RuntimeError('a broken mode')", "RuntimeError: a broken mode (steps.py:"),
    ],
)
def test_without_a_mode_for_shapes_the_plan_alone_is_drawn(
    flowrun: Flowrun, write: Write, body: str, said: str
) -> None:
    write("r.yaml", FIELDS)
    steps = STEPS.replace("return OnShapes()", body)
    write("steps.py", steps.replace("NeedsDataError, ", "NeedsDataError, PluginError, "))
    done = flowrun("graph", "r.yaml")
    assert done.returncode == 0
    assert 'join -->|"field"| reap' in done.stdout
    assert f"note: drawn without shapes: {said}" in done.stderr


@pytest.fixture
def without_library(write: Write, tmp_path: Path) -> dict[str, str]:
    """An environment in which pygraphviz is not installed, and programs are those of the folder."""
    write("bare/sitecustomize.py", "import sys\nsys.modules['pygraphviz'] = None\n")
    return {"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path / "bare")}


def test_without_graphviz_it_is_said_what_to_install(
    flowrun: Flowrun, write: Write, without_library: dict[str, str]
) -> None:
    write("r.yaml", FIELDS)
    done = flowrun("graph", "r.yaml", "--format", "svg", **without_library)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'flowrun-recipes[graph]'" in done.stderr
    assert "`--format mermaid` and `--format dot` need nothing" in done.stderr


def test_without_the_library_the_program_dot_lays_it_out(
    flowrun: Flowrun, write: Write, without_library: dict[str, str]
) -> None:
    write("r.yaml", FIELDS)
    code = "import sys\nprint('<svg>', sys.argv[1:], sys.stdin.readline())"
    write("dot", f"#!{sys.executable}\n{code}").chmod(0o755)
    done = flowrun("graph", "r.yaml", "--format", "svg", **without_library)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<svg> ['-Tsvg'] digraph")


def test_a_layout_that_fails_is_told_in_graphvizs_words_and_writes_nothing(
    flowrun: Flowrun, write: Write, without_library: dict[str, str]
) -> None:
    write("r.yaml", FIELDS)
    old = write("flow.svg", "old")
    write("dot", f"#!{sys.executable}\nimport sys\nsys.exit('Error: out of ink')").chmod(0o755)
    done = flowrun("graph", "r.yaml", "-o", "flow.svg", **without_library)
    assert done.returncode == 2
    assert "Graphviz cannot lay out the flow: Error: out of ink" in done.stderr
    assert old.read_text() == "old"
