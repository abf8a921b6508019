"""Virtual environments of their own for flowrun and for each tool it is compared with.

They lie below `benchmarks/.venvs/` and are kept from run to run. One is made anew when what it
should hold has changed; remove its folder to have it made anew all the same.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tables import progress

CHECKOUT = Path(__file__).resolve().parents[1]
CACHE = Path(__file__).resolve().parent / ".venvs"

# At the top of a checkout, but not part of the package.
NOT_BUILT = {"benchmarks", "build", "dist", "docs", "tests"}
# Settings of the person at the keyboard must not reach what is measured.
NOT_PASSED_ON = ("PYTHON", "VIRTUAL_ENV", "XDG_", "FLOWRUN_", "KEDRO_", "DVC_", "LUIGI_", "DOIT_")


class NotInstalledError(Exception):
    """pip could not install something; the message ends with what pip said last."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment: what to install, and whose versions to show."""

    name: str
    requirements: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return CACHE / self.name

    def program(self, name: str) -> Path:
        """A program of this environment, such as `python`."""
        return self.folder / "bin" / name

    def variables(self, home: Path) -> dict[str, str]:
        """The environment variables of a process, with `home` as its home folder.

        A home of its own keeps caches and settings of earlier runs away from what is measured.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(NOT_PASSED_ON)
        }
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        # No tool should wait for a server that counts its users.
        return kept | {"HOME": str(home), "PATH": path, "DO_NOT_TRACK": "1"}

    def versions(self) -> str:
        """The installed versions, as `name version, name version`."""
        code = (
            "import sys; from importlib.metadata import version\n"
            "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
        )
        return _output([self.program("python"), "-c", code, *self.shown])


def make(environment: Environment) -> None:
    """Create the environment and install what it needs, unless that has been done."""
    wanted = "\n".join([platform.python_version(), *environment.requirements])
    if _mark(environment, "installed") != wanted:
        _create(environment)
        _pip(environment, [*environment.requirements])
        _set_mark(environment, "installed", wanted)


def make_flowrun(checkout: Path, extra: str = "") -> tuple[Environment, str]:
    """An environment with flowrun as it is in `checkout` now; also its version, for people.

    With an extra of flowrun's it is another environment, `flowrun-EXTRA`.

    It is installed as a user would have it, not as an editable link, so that work that goes on in
    the checkout does not reach a benchmark in the middle. What flowrun needs (torch is large) is
    installed only when the requirements change.
    """
    name = f"flowrun-{extra}" if extra else "flowrun"
    environment = Environment(name, (), ("flowrun-recipes", "torch"))
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "flowrun"
        # A copy, as pip would leave a build folder in the checkout.
        shutil.copytree(checkout, source, ignore=_left_out(checkout))
        needed = _digest(source, ["setup.cfg", "constraints.txt"])
        wanted = f"{platform.python_version()}\n{needed}"
        sources = _digest(source, ["**/*"])
        if _mark(environment, "installed") != wanted:
            _create(environment)
            wish = f"{source}[{extra}]" if extra else str(source)
            _pip(environment, ["--constraint", str(source / "constraints.txt"), wish])
            _set_mark(environment, "installed", wanted)
        elif _mark(environment, "sources") != sources:
            _pip(environment, ["--no-deps", "--force-reinstall", str(source)])
        _set_mark(environment, "sources", sources)
    commit = _commit(checkout)
    return environment, environment.versions() + (f", commit {commit}" if commit else "")


def _create(environment: Environment) -> None:
    progress(f"making the environment {environment.name}")
    shutil.rmtree(environment.folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", environment.folder], check=True)


def _pip(environment: Environment, arguments: Sequence[str]) -> None:
    progress(f"installing into the environment {environment.name}")
    pip = [str(environment.program("python")), "-m", "pip", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", *arguments], capture_output=True, text=True
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstalledError((errors or ["pip failed"])[-1])


def _mark(environment: Environment, name: str) -> str | None:
    file = environment.folder / f"benchmarks-{name}.txt"
    return file.read_text(encoding="utf-8") if file.exists() else None


def _set_mark(environment: Environment, name: str, text: str) -> None:
    (environment.folder / f"benchmarks-{name}.txt").write_text(text, encoding="utf-8")


def _left_out(checkout: Path) -> Callable[[str, list[str]], set[str]]:
    def names(folder: str, found: list[str]) -> set[str]:
        no_source = set(fnmatch.filter(found, ".*") + fnmatch.filter(found, "*.egg-info"))
        top = NOT_BUILT if Path(folder) == checkout else set()
        return no_source | top | {"__pycache__"}

    return names


def _digest(folder: Path, patterns: Sequence[str]) -> str:
    """A digest of the names and contents of the files that the patterns match."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
        if file.is_file():
            content = file.read_bytes()
            digest.update(f"{file.relative_to(folder)} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def _commit(checkout: Path) -> str:
    """The commit of the checkout, with `-dirty` if files differ from it; empty if unknown."""
    # Without optional locks git writes nothing, so work in the checkout is not disturbed.
    git = ["git", "-C", str(checkout), "--no-optional-locks", "describe", "--always", "--dirty"]
    try:
        return _output(git)
    except (OSError, subprocess.CalledProcessError):
        return ""


def _output(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
