"""`flowrun new`: what it writes works as it stands, and replaces nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests import processes
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]
ROOT = Path(__file__).parents[3]
# What mypy knows of torch is not found out anew by each test.
MYPY = ("-m", "mypy", "--follow-imports=silent", f"--cache-dir={ROOT / '.mypy_cache' / 'new'}")


def python(*arguments: str, cwd: Path, program: str | None = None) -> str:
    """Run this Python, or another; gives its output, and fails with it where that fails."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    kept["MYPYPATH"] = str(ROOT / "framework")  # mypy does not look behind an editable install
    if program is None:
        done = processes.run(arguments, cwd=cwd, env=kept)
    else:
        done = subprocess.run(
            [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=kept
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clean(folder: Path) -> None:
    """Fail where ruff or a strict mypy has anything to say of a folder."""
    python("-m", "ruff", "check", "--isolated", "--line-length", "100", ".", cwd=folder)
    python("-m", "ruff", "format", "--isolated", "--line-length", "100", "--check", ".", cwd=folder)


def test_a_new_step_is_tested_linted_and_used(flowrun: Flowrun, tmp_path: Path) -> None:
    done = flowrun("new", "step", "trim_rows", "--into", "mine")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "test_trim_rows.py", "trim_rows.py", "trim_rows.yaml",
    ]  # fmt: skip
    assert "4 passed" in python("-m", "pytest", "-q", cwd=folder)
    ran = flowrun("mine/trim_rows.yaml")
    assert "largest 2, equals 2: met" in ran.stdout
    linted = flowrun("lint", "mine/trim_rows.py")
    assert "trim_rows  9 of 9 rules held" in linted.stdout
    assert linted.returncode == 0
    clean(folder)
    python(*MYPY, "--strict", "trim_rows.py", "test_trim_rows.py", cwd=folder)


def test_the_commands_that_it_names_next_work(flowrun: Flowrun, tmp_path: Path) -> None:
    said = flowrun("new", "step", "trim_rows", "--into", "mine").stdout
    lines = [line.strip() for line in said.partition("next:\n")[2].splitlines()]
    assert lines == ["python -m pytest mine/test_trim_rows.py", "flowrun mine/trim_rows.yaml"]
    for line in lines:
        program, *arguments = line.split()
        python(*(arguments if program == "python" else ["-m", program, *arguments]), cwd=tmp_path)


def test_a_new_recipe_runs_and_meets_what_it_expects(flowrun: Flowrun) -> None:
    assert flowrun("new", "recipe", "wine-line").returncode == 0
    done = flowrun("wine-line.yaml")
    assert done.returncode == 0, done.stderr
    assert "metrics.r2 0.99" in done.stdout


@pytest.mark.campaign(every=0)
def test_a_new_plugin_is_installed_tested_and_used_in_a_fresh_environment(
    flowrun: Flowrun, tmp_path: Path
) -> None:
    done = flowrun("new", "plugin", "grapes")
    assert done.returncode == 0, done.stderr
    project = tmp_path / "flowrun-grapes"
    for line in done.stdout.splitlines():
        if line.startswith("wrote "):
            assert (tmp_path / line.removeprefix("wrote ")).is_file()
    clean(project)

    # A fresh environment that sees the packages of this one, so that nothing is downloaded.
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    base = {"base": str(tmp_path / "venv")}
    site, scripts = (Path(sysconfig.get_path(name, vars=base)) for name in ("purelib", "scripts"))
    (site / "present.pth").write_text(
        "".join(
            f"import site; site.addsitedir({path!r})\n" for path in sys.path if "-packages" in path
        )
    )
    fresh = str(scripts / "python")
    python(
        "-m", "pip", "--python", fresh, "install", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-index", str(project), cwd=tmp_path,
    )  # fmt: skip
    (project / "src").rename(project / "moved")  # what is tested is what was installed
    listed = python("-m", "flowrun", "plugins", cwd=tmp_path, program=fresh)
    assert "grapes 0.1.0  (installed by flowrun-grapes)" in listed
    tested = python("-m", "pytest", "-q", cwd=project, program=fresh)
    assert "3 passed" in tested
    ran = python("-m", "flowrun", "recipes/grapes.yaml", cwd=project, program=fresh)
    assert "largest 2, equals 2: met" in ran
    (project / "moved").rename(project / "src")
    python(*MYPY, cwd=project, program=fresh)
    linted = python("-m", "flowrun", "lint", ".", cwd=project, program=fresh)
    assert "grapes  9 of 9 rules held, as recipes/grapes.yaml uses it" in linted


def test_a_new_plugin_leaves_torch_unloaded_when_flowrun_starts(
    flowrun: Flowrun, tmp_path: Path
) -> None:
    flowrun("new", "plugin", "grapes")
    code = "import sys, flowrun_grapes; assert 'torch' not in sys.modules"
    python("-c", code, cwd=tmp_path / "flowrun-grapes" / "src")


def test_the_ci_file_runs_what_the_readme_names(flowrun: Flowrun, tmp_path: Path) -> None:
    flowrun("new", "plugin", "flowrun-grapes")
    project = tmp_path / "flowrun-grapes"
    ci = yaml.safe_load((project / ".github" / "workflows" / "tests.yml").read_text())
    commands = [step["run"] for step in ci["jobs"]["tests"]["steps"] if "run" in step]
    readme = (project / "README.md").read_text()
    for command in ("python -m pytest", "flowrun lint .", "mypy"):
        assert command in commands
        assert command in readme
    assert ci["jobs"]["tests"]["steps"][1]["with"]["python-version"] == "${{ matrix.python }}"


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("step", "load", "the plugin `tensors` gives a step of that name"),
        ("step", "clip-rows", "`clip_rows` would do"),
        ("step", "2rows", "no digit first"),
        ("step", "class", "a word of Python's or YAML's own"),
        ("step", "null", "a word of Python's or YAML's own"),
        ("step", "statistics", "a module that Python has already"),
        ("step", "torch", "a module that Python has already"),
        ("plugin", "tensors", "there is a plugin `tensors` already"),
        ("plugin", "flowrun-load", "gives a step of that name"),
        ("recipe", "a/b", "--into"),
        ("recipe", "true", "no name for a recipe"),
    ],
)
def test_a_name_of_no_use_is_refused_with_the_reason(
    kind: str, name: str, says: str, flowrun: Flowrun, tmp_path: Path
) -> None:
    done = flowrun("new", kind, name)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_is_there_is_replaced(flowrun: Flowrun, write: Write, tmp_path: Path) -> None:
    write("trim_rows.yaml", "mine")
    refused = flowrun("new", "step", "trim_rows")
    assert refused.returncode == 2
    assert "trim_rows.yaml is here already, and nothing is replaced" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["trim_rows.yaml"]
    assert (tmp_path / "trim_rows.yaml").read_text() == "mine"


def test_what_cannot_be_written_whole_leaves_nothing(
    flowrun: Flowrun, write: Write, tmp_path: Path
) -> None:
    write("mine", "a file where a folder would be")
    refused = flowrun("new", "plugin", "grapes", "--into", "mine/there")
    assert refused.returncode == 2
    assert "cannot be written to" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
