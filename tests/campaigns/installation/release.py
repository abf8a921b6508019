"""Builds the distributions of the last commit, checks them, and installs each as a stranger would.

It is what `make dist` runs: `python -m tests.campaigns.installation.release [FOLDER]`. Nothing is
uploaded. The environments are made in temporary folders, and are empty but for what is installed.
"""

from __future__ import annotations

import configparser
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[3]
RECIPE = "red_linear"
_METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
_AT_ROOT = (
    "CHANGELOG.md", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "constraints.txt",
    "pyproject.toml", "setup.cfg",
)  # fmt: skip
_MADE = ("PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt", "requires.txt",
         "top_level.txt")  # fmt: skip


class Project:
    """What setup.cfg says of the distribution."""

    def __init__(self, root: Path) -> None:
        read = configparser.ConfigParser()
        read.read(root / "setup.cfg", encoding="utf-8")
        self.version = read["metadata"]["version"]
        self.file_name = read["metadata"]["name"].replace("-", "_")
        lines = read["options"]["package_dir"].strip().splitlines()
        pairs = (line.partition("=") for line in lines)
        self.folders = {name.strip(): folder.strip() for name, _, folder in pairs}

    @property
    def stem(self) -> str:
        return f"{self.file_name}-{self.version}"

    def in_wheel(self, tracked: Iterable[str]) -> set[str]:
        """The files that a wheel must have, by those that are tracked: all of each package."""
        found = {f"{self.stem}.dist-info/{name}" for name in _METADATA}
        for name, folder in self.folders.items():
            found |= {f"{name}/{inner}" for inner in _below(folder, tracked)}
        return found

    def in_sdist(self, tracked: Iterable[str]) -> set[str]:
        """The files that an sdist must have."""
        found = {*_AT_ROOT, *(f"{self.file_name}.egg-info/{name}" for name in _MADE)}
        for folder in self.folders.values():
            found |= {f"{folder}/{inner}" for inner in _below(folder, tracked)}
        return {f"{self.stem}/{name}" for name in found}


def differences(found: Iterable[str], expected: Iterable[str]) -> list[str]:
    """The files that are missing in an archive, and those that do not belong there."""
    there, wanted = set(found), set(expected)
    missing = [f"missing: {name}" for name in sorted(wanted - there)]
    return missing + [f"stray: {name}" for name in sorted(there - wanted)]


def names_in(archive: Path) -> list[str]:
    """The files of a wheel or an sdist."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.namelist()
    with tarfile.open(archive) as sdist:
        return [member.name for member in sdist.getmembers() if member.isfile()]


def _below(folder: str, tracked: Iterable[str]) -> Iterator[str]:
    for name in tracked:
        path = PurePosixPath(name)
        if path.is_relative_to(folder) and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix()


class Stranger:
    """An empty virtual environment, and an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=True, symlinks=True)
        self._bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self._folder = folder

    def install(self, *arguments: str | Path) -> None:
        quiet = ("--quiet", "--disable-pip-version-check")
        self.output("python", "-m", "pip", "install", *quiet, *arguments)

    def output(self, program: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        """What a program of the environment prints; exits with its output if it fails."""
        hidden = ("PYTHONPATH", "VIRTUAL_ENV")
        environment = {key: value for key, value in os.environ.items() if key not in hidden}
        environment |= {"FLOWRUN_OFFLINE": "1", "FLOWRUN_CACHE": str(self._folder / "cache")}
        return _output([self._bin / program, *arguments], cwd or self._folder, environment)

    def compile_all(self) -> None:
        """Compile every module that is installed, with warnings of the compiler as errors."""
        code = "import flowrun, os; print(os.path.dirname(os.path.dirname(flowrun.__file__)))"
        site = Path(self.output("python", "-c", code).strip())
        own = [path for path in site.glob("flowrun*") if path.suffix != ".dist-info"]
        self.output("python", "-W", "error", "-m", "compileall", "-q", "-f", *own)

    def main_job(self, version: str, name: str) -> str:
        """The last line of the main job, run in an empty folder."""
        work = self._folder / name
        work.mkdir()
        said = self.output("flowrun", "--version", cwd=work).strip()
        _require(said == f"flowrun, version {version}", f"`flowrun --version` says {said!r}")
        self.output("flowrun", "examples", RECIPE, cwd=work)
        lines = self.output("flowrun", f"{RECIPE}.yaml", cwd=work).splitlines()
        _require(any(": met" in line for line in lines), f"no expectation of {RECIPE} was met")
        return next(line.strip() for line in lines if ": met" in line)


def main(folder: Path) -> None:
    """Build into `folder`, check, and say what was found; exits with 1 at what is wrong."""
    changed = _output(["git", "status", "--porcelain", "--untracked-files=no"], ROOT)
    _require(not changed, f"commit first, as the last commit is what is built:\n{changed}")
    project = Project(ROOT)
    with tempfile.TemporaryDirectory() as scratch:
        wheel, sdist = _build(project, folder, Path(scratch, "tree"))
        _check_files(project, wheel, sdist)
        stranger = Stranger(Path(scratch))
        stranger.install("--constraint", ROOT / "constraints.txt", wheel)
        _say(f"wheel installed: {stranger.main_job(project.version, 'of_wheel')}")
        stranger.install("--force-reinstall", "--no-deps", sdist)
        stranger.compile_all()
        _say(f"sdist installed: {stranger.main_job(project.version, 'of_sdist')}")


def _build(project: Project, folder: Path, tree: Path) -> tuple[Path, Path]:
    """The wheel, built from the sdist, and the sdist; older ones in the folder are removed."""
    archived = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(tree, filter="data")
    for old in folder.glob(f"{project.file_name}-*"):
        old.unlink()
    _output([sys.executable, "-m", "build", "--outdir", folder, tree], ROOT)
    wheel, sdist = (
        folder / f"{project.stem}{suffix}" for suffix in ("-py3-none-any.whl", ".tar.gz")
    )
    _say(f"built {wheel.name} and {sdist.name}")
    return wheel, sdist


def _check_files(project: Project, wheel: Path, sdist: Path) -> None:
    tracked = _output(["git", "ls-files"], ROOT).splitlines()
    _output([sys.executable, "-m", "twine", "check", "--strict", wheel, sdist], ROOT)
    _say("twine check --strict: passed")
    for archive, wanted in (
        (wheel, project.in_wheel(tracked)),
        (sdist, project.in_sdist(tracked)),
    ):
        wrong = differences(names_in(archive), wanted)
        _require(not wrong, "\n".join([f"{archive.name}:", *wrong]))
        _say(f"{archive.name}: {len(wanted)} files, each as expected")


def _output(
    command: Sequence[str | Path], folder: Path, environment: dict[str, str] | None = None
) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    shown = " ".join(map(str, command))
    _require(done.returncode == 0, f"{shown}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def _require(is_right: bool, message: str) -> None:
    if not is_right:
        sys.exit(f"release: {message}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").resolve())
