"""When a run is checked first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from flowrun.store.store import Store
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
    assert flowrun(recipe("ones", "times")).returncode == 0
    as_if_it_took(600)
    slow = recipe("ones: {wait: 0.01}", "times: {rows: 4}")
    done = flowrun(slow)
    assert done.returncode == 2, done.stderr
    assert "1 problem; nothing was run (the check took " in done.stderr
    assert "use `--no-check` to run it anyway" in done.stderr
    assert flowrun(slow, "--no-check").returncode == 3


def test_a_check_has_a_line_with_its_seconds_and_counts_in_the_total(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    out = flowrun(recipe("ones", "positive"), "--check").stdout
    found = re.search(
        r"^  checking      no errors; known only in a run: `positive`.*  (\d+\.\d{3}) s$",
        out,
        re.MULTILINE,
    )
    assert found is not None, out
    total = re.search(r"  (\d+\.\d\d) s on cpu", out)
    assert total is not None
    assert float(total[1]) > float(found[1])
    assert "checking" not in flowrun(recipe("ones", "times")).stdout


def test_a_check_that_would_cost_more_than_a_tenth_of_the_run_is_left_out(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    assert flowrun(recipe("ones", "times")).returncode == 0
    as_if_it_took(29)  # and a check usually takes 3 s
    assert flowrun(recipe("ones: {wait: 0.01}", "times: {rows: 4}")).returncode == 3


def test_a_check_that_turns_out_to_cost_more_than_a_tenth_is_given_up(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    assert flowrun(recipe("ones", "times")).returncode == 0
    as_if_it_took(31)
    done = flowrun(recipe("ones: {wait: 4}", "times"))  # the check waits as well
    assert done.returncode == 0, done.stderr
    said = "given up, because it took a tenth of the run's likely time"
    assert re.search(rf"  checking      {said}  3\.\d{{3}} s\n", done.stdout), done.stdout


def as_if_it_took(seconds: float) -> None:
    """Change the records of the steps called `ones`, as if each had taken so long."""
    store = Store(Path(".flowrun"), pytest.fail)
    for record in list(store.records.all()):
        if record.step == "ones":
            store.records.keep(msgspec.structs.replace(record, work=seconds))
    store.close()


def test_what_is_kept_is_not_waited_for(recipe: Callable[..., Path], flowrun: Flowrun) -> None:
    assert flowrun(recipe("ones", "times")).returncode == 0
    as_if_it_took(600)
    done = flowrun(recipe("ones", "times: {rows: 4}"))
    assert done.returncode == 3  # `ones` is kept, and the rest takes no time


def test_a_step_that_has_not_run_counts_as_nothing(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    done = flowrun(recipe("ones: {wait: 2.1}", "times: {rows: 4}"))
    assert done.returncode == 3, "it was run, and not checked first"
    assert "nothing was run" not in done.stderr
