"""Every recipe of the catalogue is broken, and `flowrun check` says so before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

import flowrun
from flowrun import RecipeError, Result, StepError
from tests.campaigns.checks import CASES
from tests.campaigns.checks.case import NOWHERE, Case, everything_in, found_in, planned_line
from tests.campaigns.checks.catalogue_missed import CASES as MISSED
from tests.conftest import Flowrun
from tests.sampling import examples

CHECKED = [(case, device) for case in CASES for device in case.devices]
RUN = [case for case in CASES if case.really not in ("needs a gpu", "is too large")]


def _named(one: Case | str | None) -> str:
    return one.title if isinstance(one, Case) else one or "own device"


def _sort(case: Case) -> tuple[str, str]:
    return case.kind, case.really


def assert_is_the_finding(case: Case, findings: list[dict[str, Any]]) -> None:
    """One finding alone: of the right kind, at the right lines, and saying what is at fault."""
    assert [finding["kind"] for finding in findings] == [case.kind], findings
    (finding,) = findings
    assert finding["line"] == case.recipe_line
    parts = (finding[part] for part in ("message", "found", "expected", "hint"))
    text = "\n".join(str(part) for part in (*parts, finding.get("operation")) if part)
    for fragment in case.says:
        assert fragment in text
    if case.code_line != NOWHERE:
        assert Path(finding["code"]["file"]).name == "my_steps.py"
        assert finding["code"]["line"] == case.code_line


@pytest.mark.campaign(every=2, kind=lambda case, device: case.title)
@pytest.mark.parametrize(("case", "device"), CHECKED, ids=_named)
def test_a_broken_recipe_is_found_and_nothing_is_done(
    case: Case, device: str | None, tmp_path: Path
) -> None:
    path = case.write(tmp_path)
    before = everything_in(tmp_path)
    findings = found_in(path, device, case.memory)
    assert everything_in(tmp_path) == before
    assert_is_the_finding(case, findings)


@pytest.mark.campaign(every=4, kind=_sort)
@pytest.mark.parametrize("case", CASES, ids=_named)
def test_the_same_recipe_with_the_fault_mended_raises_no_alarm(case: Case, tmp_path: Path) -> None:
    path = case.write_mended(tmp_path)
    findings = found_in(path, case.devices[-1], case.memory)
    assert [finding for finding in findings if finding["kind"] != "unknown"] == []


def test_the_command_line_finds_them_all_at_once(flowrun: Flowrun, tmp_path: Path) -> None:
    cases = [case for case in CASES if case.memory is None][:: examples(1, sample=4)]
    paths = [case.write(tmp_path / str(number)) for number, case in enumerate(cases)]
    before = everything_in(tmp_path)
    done = flowrun("check", "--json", "--device", "cpu", *paths)
    assert done.returncode == 2, done.stderr
    assert everything_in(tmp_path) == before
    documents = msgspec.json.decode(done.stdout)
    assert len(documents) == len(cases)
    for case, document in zip(cases, documents, strict=True):
        if "cpu" in case.devices:
            assert document["ok"] == (case.kind == "warning"), case.title
            assert_is_the_finding(case, document["findings"])


def value_of(result: Result, path: str) -> Any:
    """What a path such as `params.W1` leads to in a result."""
    value: Any = result.values
    for name in path.split("."):
        value = value[name]
    return value


@pytest.mark.campaign(every=4, kind=_sort)
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("case", RUN, ids=_named)
def test_a_recipe_of_the_catalogue_is_really_broken(case: Case, tmp_path: Path) -> None:
    path = case.write(tmp_path / "broken")
    mended = case.write_mended(tmp_path / "mended")
    result = flowrun.run(mended, device="cpu", record=False)
    assert result.ok, "the mended recipe does what it should"
    if case.really == "is refused":
        with pytest.raises(RecipeError):
            flowrun.plan(path)
    elif case.really == "fails":
        with pytest.raises(StepError) as failed:
            flowrun.run(path, device="cpu", record=False)
        assert planned_line(flowrun.plan(path), failed.value.step) == case.recipe_line
    elif case.really == "is unmet":
        assert not flowrun.run(path, device="cpu", record=False).ok
    else:
        wrong = value_of(flowrun.run(path, device="cpu", record=False), case.shows)
        right = value_of(result, case.shows)
        assert wrong.dtype != right.dtype or not torch.equal(wrong, right)


def test_the_catalogue_is_large_and_no_two_cases_have_one_title() -> None:
    assert len(CASES) >= 70
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", MISSED, ids=_named)
def test_what_the_numbers_decide_a_check_cannot_find(case: Case, tmp_path: Path) -> None:
    path = case.write(tmp_path)
    assert found_in(path, "cpu") == []
    with pytest.raises(StepError) as failed:
        flowrun.run(path, device="cpu", record=False)
    assert all(fragment in failed.value.message for fragment in case.says)
