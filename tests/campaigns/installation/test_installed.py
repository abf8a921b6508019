"""flowrun as a stranger installs it: the built wheel, and a plugin package beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.campaigns.installation.release import Project, differences, names_in

ROOT = Path(__file__).parents[3]

PLUGIN = {
    "pyproject.toml": (
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "flowrun-example"\nversion = "4.2"\ndependencies = ["flowrun-recipes"]\n'
        '[project.entry-points.flowrun]\nexample = "flowrun_example"\n'
        '[tool.setuptools]\npy-modules = ["flowrun_example"]\n'
    ),
    "flowrun_example.py": (
        "import torch\n"
        "from flowrun import step\n\n"
        '@step(outputs="data")\n'
        "def clip_rows(data: torch.Tensor, *, limit: float = 3.0) -> torch.Tensor:\n"
        '    """Clip every element to [-limit, limit]."""\n'
        "    return data.clamp(-limit, limit)\n"
    ),
}
BROKEN = {
    "pyproject.toml": PLUGIN["pyproject.toml"].replace("example", "broken"),
    "flowrun_broken.py": "import a_module_that_is_not_there\n",
}


def build_wheel(tree: Path, folder: Path) -> Path:
    """Build a wheel from a copy of a source tree."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(folder), str(tree)],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def needed_by(package: Distribution, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """The distributions that one needs, by its own word and without extras, and those they need."""
    for text in package.requires or []:
        requirement = Requirement(text)
        key = requirement.name.lower()
        if key in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[key] = distribution(requirement.name)
        needed_by(found[key], found)
    return found


class Stranger:
    """A virtual environment with flowrun's wheel, and of this one only what the wheel needs."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.wheel = folder, wheel
        venv.create(folder, with_pip=False, symlinks=True)
        self.install(wheel)
        site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
        (flowrun,) = distributions(name="flowrun-recipes", path=[str(site)])
        for needed in needed_by(flowrun, {}).values():
            tops = {file.parts[0] for file in needed.files or [] if file.parts[0] != ".."}
            for top in tops - {"__pycache__"}:
                if not (site / top).exists():
                    (site / top).symlink_to(Path(str(needed.locate_file(top))).resolve())

    def install(self, wheel: Path) -> None:
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python"),
             "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
            check=True, capture_output=True,
        )  # fmt: skip

    def flowrun(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [self.folder / "bin" / "flowrun", *arguments],
            cwd=cwd, capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """flowrun's wheel, built from a copy of the tree and installed away from it."""
    folder = tmp_path_factory.mktemp("installed")
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "out")
    tree = shutil.copytree(ROOT, folder / "tree", ignore=ignored)
    wheel = build_wheel(tree, folder / "wheels")
    shutil.rmtree(tree)
    return Stranger(folder / "venv", wheel)


def test_the_wheel_alone_runs_the_main_job_in_an_empty_folder(
    stranger: Stranger, tmp_path: Path
) -> None:
    written = stranger.flowrun("examples", "red_linear", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    done = stranger.flowrun("red_linear.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED STAND-IN for wine-red" in done.stdout
    assert "metrics {mae 0." in done.stdout
    assert (tmp_path / "out" / "red_linear" / "values.json").is_file()


def test_the_wheel_has_every_file_of_its_packages_and_no_other(stranger: Stranger) -> None:
    """What `make dist` requires of a release."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("these are not files of a git repository")
    wanted = Project(ROOT).in_wheel(listed.stdout.splitlines())
    found = names_in(stranger.wheel)
    assert differences(found, wanted) == []
    for name in ("flowrun/py.typed", "flowrun_recipes/red_linear.yaml",
                 "flowrun_data/wine-red-standin.csv"):  # fmt: skip
        assert name in found
    assert differences([*found, "tests/test_house.py"], {*wanted, "flowrun/lost.py"}) == [
        "missing: flowrun/lost.py", "stray: tests/test_house.py",
    ]  # fmt: skip


def test_every_example_is_listed_and_written_with_what_it_needs(
    stranger: Stranger, tmp_path: Path
) -> None:
    listed = stranger.flowrun("examples", cwd=tmp_path).stdout
    names = [line.split()[0] for line in listed.splitlines()]
    assert names[0] == "red_linear"
    shipped = {path.stem for path in (ROOT / "recipes").glob("*.yaml")}
    assert set(names) == shipped | {"article", "checks"}
    for name in names:
        (tmp_path / name).mkdir()
        assert stranger.flowrun("examples", name, cwd=tmp_path / name).returncode == 0
    assert (tmp_path / "white_linear" / "red_linear.yaml").is_file()
    assert (tmp_path / "predict_red" / "new_bottles.csv").is_file()
    assert (tmp_path / "checks" / "new_bottles.csv").is_file()
    for folder in ("article", "checks"):
        recipes = sorted(path.name for path in (ROOT / "recipes" / folder).glob("*.yaml"))
        written = tmp_path / folder / folder
        assert sorted(path.name for path in written.iterdir()) == recipes


def test_an_example_never_replaces_a_file_that_was_changed(
    stranger: Stranger, tmp_path: Path
) -> None:
    (tmp_path / "red_linear.yaml").write_text("mine")
    refused = stranger.flowrun("examples", "red_linear", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (tmp_path / "red_linear.yaml").read_text() == "mine"
    assert stranger.flowrun("examples", "red_linear", "--force", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("kind", ["step", "plugin", "recipe"])
def test_the_templates_of_what_is_new_come_with_the_wheel(
    kind: str, stranger: Stranger, tmp_path: Path
) -> None:
    done = stranger.flowrun("new", kind, "grapes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {
        str(path.relative_to(tmp_path).as_posix()) for path in tmp_path.rglob("*") if path.is_file()
    }
    templates = ROOT / "framework" / "flowrun" / "cli" / "new" / "templates" / kind
    assert len(written) == sum(path.is_file() for path in templates.rglob("*"))
    if kind == "plugin":
        assert "flowrun-grapes/.github/workflows/tests.yml" in written


def test_a_strangers_plugin_package_enters_by_its_entry_point(
    stranger: Stranger, tmp_path: Path
) -> None:
    tree = write_tree(tmp_path / "plugin", PLUGIN)
    stranger.install(build_wheel(tree, tmp_path / "wheels"))
    assert (
        "example 4.2  (installed by flowrun-example)"
        in stranger.flowrun("plugins", cwd=tmp_path).stdout
    )
    (tmp_path / "r.yaml").write_text(
        "recipe: r\nsteps: [load: {source: t.csv}, clip_rows: {limit: 2}]\n"
        "expect: {'data[0, 1]': {equals: 2}}\n"
    )
    (tmp_path / "t.csv").write_text("1,5\n-7,2\n")
    done = stranger.flowrun("r.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.campaign(every=0)
def test_a_plugin_that_cannot_be_imported_stops_only_those_who_need_it(
    stranger: Stranger, tmp_path: Path
) -> None:
    tree = write_tree(tmp_path / "plugin", BROKEN)
    stranger.install(build_wheel(tree, tmp_path / "wheels"))
    (tmp_path / "needs.yaml").write_text("recipe: r\nsteps: [from_broken]\n")
    (tmp_path / "good.yaml").write_text("recipe: r\nsteps: [bench: {measure: add, n: 10}]\n")
    good = stranger.flowrun("good.yaml", cwd=tmp_path)
    needs = stranger.flowrun("needs.yaml", cwd=tmp_path)
    listed = stranger.flowrun("plugins", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "broken" not in good.stderr
    for done in (needs, listed):
        assert "the plugin `broken` (installed by flowrun-broken) failed to load" in done.stderr
        assert "No module named 'a_module_that_is_not_there'" in done.stderr
        assert "Traceback" not in done.stderr
    assert needs.returncode == 2
