"""The files of a folder that pytest heeds or runs: its conftest.py files and its configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from flowrun.errors import listed, shown_path
from flowrun.values.files import read_text, real_path

CONFTEST = "conftest.py"
# Files of a configuration, and what stands in one that is for pytest; the first that has it counts.
_CONFIGURATIONS = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": r"(?m)^\s*\[\s*tool\s*\.\s*[\"']?pytest",
    "tox.ini": r"(?m)^\[pytest\]",
    "setup.cfg": r"(?m)^\[tool:pytest\]",
}
_LEFT_OUT = {"build", "dist", "node_modules", "venv", "CVS", "_darcs"}  # by pytest, as `.*` is
_SHOWN = 3  # files that are named


def pytest_files(arguments: Sequence[str]) -> tuple[list[Path], Path | None]:
    """The conftest.py files and the configuration that these arguments of pytest have it load.

    Nothing of pytest's is asked, which would load them.
    """
    named = [Path(one.partition("::")[0]) for one in arguments if not one.startswith("-")]
    paths = [real_path(path) for path in named if path.exists()] or [Path.cwd()]
    folders = [path if path.is_dir() else path.parent for path in paths]
    common = Path(os.path.commonpath(folders))
    configuration = next(filter(None, map(_configuration, (common, *common.parents))), None)
    found = [path for folder in folders for path in _conftests(folder, configuration)]
    return list(dict.fromkeys(found)), configuration


def note_on(arguments: Sequence[str]) -> str | None:
    """A line on what pytest runs and heeds beside recipes; None if there is nothing."""
    conftests, configuration = pytest_files(arguments)
    said = []
    if conftests:
        said.append(f"runs {listed(map(shown_path, conftests), limit=_SHOWN)}")
    if configuration is not None:
        said.append(f"heeds {shown_path(configuration)}")
    if not said:
        return None
    left_out = "them" if len(said) > 1 or len(conftests) > 1 else "it"
    return f"note: pytest {' and '.join(said)}; `--no-conftest` leaves {left_out} out"


def _configuration(folder: Path) -> Path | None:
    for name, section in _CONFIGURATIONS.items():
        try:
            if not (folder / name).is_file():
                continue
            text = read_text(folder / name, errors="replace")
        except OSError:
            continue
        if re.search(section, text):
            return folder / name
    return None


def _conftests(folder: Path, configuration: Path | None) -> Iterator[Path]:
    """Those in a folder, below it, and above it up to the folder that pytest takes for the root."""
    top = Path(os.path.commonpath([folder, Path.cwd()]))
    setup = next((one for one in (folder, *folder.parents) if (one / "setup.py").exists()), top)
    roots = {top, setup, top if configuration is None else configuration.parent}
    above = [one for one in folder.parents if any(one.is_relative_to(root) for root in roots)]
    yield from (one / CONFTEST for one in reversed(above) if (one / CONFTEST).exists())
    seen: set[str] = set()
    for here, inside, files in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(here))
        inside[:] = [name for name in sorted(inside) if _is_entered(here, name, seen)]
        if CONFTEST in files:
            yield Path(here, CONFTEST)


def _is_entered(folder: str, name: str, seen: set[str]) -> bool:
    is_left_out = name.startswith(".") or name.endswith(".egg") or name in _LEFT_OUT
    return not is_left_out and os.path.realpath(os.path.join(folder, name)) not in seen  # noqa: PTH118
