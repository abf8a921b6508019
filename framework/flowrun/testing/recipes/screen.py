"""The additions of `flowrun test` to pytest: only recipes are tested; flowrun's exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    """Judge the session as a whole."""
    config.pluginmanager.register(Screen(), "flowrun-screen")
