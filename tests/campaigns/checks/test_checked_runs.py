"""When a run is checked first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Flowrun


def test_a_run_is_checked_where_it_is_asked_for(
    recipe: Callable[..., Path], flowrun: Flowrun, tmp_path: Path
) -> None:
    path = recipe("ones", "told", "times: {rows: 4}")
    done = flowrun(path, "--check")
    assert done.returncode == 2
    assert "nothing was run" in done.stderr
    assert not (tmp_path / "told.txt").exists()
    done = flowrun(path, "--check", "--json")
    assert json.loads(done.stdout)["errors"][0]["line"] == 6
    assert flowrun(path).returncode == 3  # it takes no time, so it is not checked
    assert (tmp_path / "told.txt").exists()


def test_a_run_is_checked_first_where_it_took_long_the_last_time(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    assert flowrun(recipe("ones: {wait: 2.1}", "times")).returncode == 0
    slow = recipe("ones: {wait: 2.2}", "times: {rows: 4}")
    done = flowrun(slow)
    assert done.returncode == 2, done.stderr
    assert "`--no-check` runs it all the same" in done.stderr
    assert flowrun(slow, "--no-check").returncode == 3


def test_what_is_kept_is_not_waited_for(recipe: Callable[..., Path], flowrun: Flowrun) -> None:
    assert flowrun(recipe("ones: {wait: 2.1}", "times")).returncode == 0
    done = flowrun(recipe("ones: {wait: 2.1}", "times: {rows: 4}"))
    assert done.returncode == 3  # `ones` is kept, and the rest takes no time


def test_a_step_that_has_not_run_counts_as_nothing(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    done = flowrun(recipe("ones: {wait: 2.1}", "times: {rows: 4}"))
    assert done.returncode == 3, "it was run, and not checked first"
    assert "nothing was run" not in done.stderr
