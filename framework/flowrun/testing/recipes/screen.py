"""The additions of `flowrun test` to pytest: only recipes are tested; flowrun's exit codes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from flowrun.errors.escaping import on_one_line
from flowrun.testing.recipes.collecting import EXIT_CODE

OK, UNMET, BAD_RECIPE, INTERRUPTED = 0, 1, 2, 130


class Screen:
    """Hears of a session of pytest, and gives it the exit code of `flowrun RECIPE...`."""

    def __init__(self) -> None:
        self._codes = [OK]
        self._is_interrupted = False

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave every file alone that is no YAML file: Python tests are pytest's own business."""
        is_other = collection_path.suffix not in (".yaml", ".yml") and collection_path.is_file()
        return True if is_other else None

    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector:
        """Take a package for a folder: pytest would run its `__init__.py`."""
        return pytest.Dir.from_parent(parent, path=path)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            code = dict(report.user_properties).get(EXIT_CODE, UNMET)
            self._codes.append(int(str(code)))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._is_interrupted = not isinstance(excinfo.value, pytest.Session.Interrupted)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            session.exitstatus = max(self._codes)
        elif exitstatus == pytest.ExitCode.INTERRUPTED:
            session.exitstatus = INTERRUPTED if self._is_interrupted else BAD_RECIPE


def pytest_configure(config: pytest.Config) -> None:
    """Judge the session as a whole, and give one line to each failure in its summary.

    Where `CI` is set, pytest repeats the whole message there, which stands above it already.
    """
    config.option.force_short_summary = True  # an option of pytest 8.4; nothing in earlier ones
    config.pluginmanager.register(Screen(), "flowrun-screen")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Leave out pytest's cache if a file of it is none of pytest's, before it is read."""
    plugins = early_config.pluginmanager
    if plugins.hasplugin("cacheprovider"):
        folder = early_config.rootpath / str(early_config.getini("cache_dir"))
        strange = next(filter(_is_strange, (folder / name for name in _CACHED)), None)
        if strange is not None:
            for name in ("cacheprovider", "stepwise"):  # the second needs the first
                plugins.set_blocked(name)
            plugins.register(_Said(f"the cache of pytest is left out: {strange} is no file of it"))


class _Said:
    """Says a line at the end: what is printed while pytest begins is lost."""

    def __init__(self, text: str) -> None:
        self._text = on_one_line(text)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.line(self._text)


# What pytest reads and writes in the folder of its cache, the folders first.
_CACHED = ("", "v", "v/cache", "v/cache/lastfailed", "v/cache/nodeids", "v/cache/stepwise", "d")


def _is_strange(path: Path) -> bool:
    """Whether a path is a link, a pipe or a device, which pytest would follow or wait for."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False  # it is not there
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
