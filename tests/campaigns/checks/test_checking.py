"""`flowrun check` as a whole: independent errors, what is unknown, expectations."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun
from tests.campaigns.checks.conftest import STEPS
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]


SENDING = """
@step(outputs="answer", effect=True)
def send(x: torch.Tensor) -> torch.Tensor:
    import os
    os.environ["SENT"] = "a tensor"
    return x
"""


def states(checked: flowrun.Checked) -> dict[str, str]:
    return {step.id: step.state for step in checked.steps}


def test_the_flow_is_told_step_by_step(recipe: Callable[..., Path], flowrun: Flowrun) -> None:
    done = flowrun("check", recipe("ones: {rows: 5}", "times"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["ones", "gives", "x", "(5,", "3)"],
        ["times", "takes", "x", "(5,", "3)"],
        ["gives", "y", "(5,", "2)"],
    ]
    assert "2 of 2 steps fit" in lines[-1]
    assert "multiplying" not in done.stdout


def test_independent_errors_come_in_one_go_and_dependent_steps_are_left_out(
    recipe: Callable[..., Path],
) -> None:
    path = recipe(
        "ones", "times: {rows: 4}", "pair", "compute: {z: y + 1}", "compute: {w: x.T @ x.T}"
    )
    checked = flowrun.check(path)
    assert states(checked) == {
        "ones": "fits",
        "times": "fails",
        "pair": "fails",
        "compute": "blocked",
        "compute_2": "fails",
    }
    marks = [finding.mark for finding in checked.errors]
    assert [mark.line + 1 for mark in marks if mark is not None] == [5, 6, 8]


def test_an_error_names_the_line_of_the_recipe_and_of_the_code(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    done = flowrun("check", recipe("ones", "times: {rows: 4}"))
    assert done.returncode == 2
    assert "recipe.yaml:5:5: the step `times` fails" in done.stderr
    assert "  5 |   - times: {rows: 4}\n    |     ^" in done.stderr
    line = STEPS.splitlines().index("    return x @ torch.ones(rows, 2)") + 1
    assert f"return x @ torch.ones(rows, 2)  (steps.py:{line})" in done.stderr
    assert "(4, 3) float32 cpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_step_that_returns_too_little_is_found(recipe: Callable[..., Path]) -> None:
    (error,) = flowrun.check(recipe("ones", "pair")).errors
    assert "returned 1 value; it should return 2: a, b" in error.message


def test_what_depends_on_data_is_unknown_and_nothing_is_guessed(
    recipe: Callable[..., Path],
) -> None:
    checked = flowrun.check(recipe("ones", "positive", "compute: {n: kept + 1}", "times"))
    assert checked.ok
    assert states(checked) == {
        "ones": "fits",
        "positive": "unknown",
        "compute": "unknown",
        "times": "fits",
    }
    (finding,) = checked.findings
    assert (finding.severity, finding.step) == ("unknown", "positive")
    assert finding.found == "not known before a run: `kept`"
    assert finding.place is not None
    assert finding.place.text == "return x[x > 0]"


@pytest.mark.parametrize("step", ["written", "started"])
def test_a_step_that_acts_outside_without_saying_so_does_not_do_it(
    recipe: Callable[..., Path], tmp_path: Path, step: str
) -> None:
    checked = flowrun.check(recipe("ones", step))
    assert states(checked) == {"ones": "fits", step: "unknown"}
    assert not (tmp_path / f"{step}.txt").exists()
    assert not (tmp_path / ".flowrun").exists()


def test_python_may_keep_what_it_compiles_wherever_it_does(
    recipe: Callable[..., Path], flowrun: Flowrun, tmp_path: Path
) -> None:
    path = recipe("ones", "times")
    away = tmp_path.parent / f"{tmp_path.name}-bytecode"
    for prefix in ("", str(away)):
        done = flowrun("check", path, PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=prefix)
        assert done.returncode == 0, done.stderr
        assert "2 of 2 steps fit" in done.stdout
    assert list(away.rglob("*.pyc"))


def test_an_effect_is_not_called(recipe: Callable[..., Path], tmp_path: Path) -> None:
    checked = flowrun.check(recipe("ones", "told"))
    assert checked.ok
    assert not (tmp_path / "told.txt").exists()
    assert states(checked) == {"ones": "fits", "told": "fits"}
    assert checked.findings == []


def test_an_effect_is_not_called_for_what_it_gives(
    recipe: Callable[..., Path], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe("ones", "send", "compute: {y: answer + 1}")
    write("steps.py", STEPS + SENDING)
    monkeypatch.setenv("SENT", "nothing")
    checked = flowrun.check(path)
    assert os.environ["SENT"] == "nothing"
    assert states(checked) == {"ones": "fits", "send": "unknown", "compute": "unknown"}
    (finding,) = checked.findings
    assert "it acts outside of the recipe: a check does not call it" in finding.message


def test_a_function_on_shapes_takes_the_place_of_the_step(recipe: Callable[..., Path]) -> None:
    checked = flowrun.check(recipe("ones: {rows: 7}", "mean", "bounded", "compared"))
    by_id = {step.id: step for step in checked.steps}
    assert by_id["mean"].outputs["metrics"]["items"] == {
        "mean": {"type": "float"},
        "rows": {"type": "int", "value": 7},
    }
    assert by_id["bounded"].outputs == {"bounded": {"type": "float"}}
    assert by_id["compared"].outputs == {"large": {"type": "str"}}, "one text or another"
    assert checked.findings == []


def test_a_function_on_shapes_may_say_that_it_needs_the_data(recipe: Callable[..., Path]) -> None:
    checked = flowrun.check(recipe("ones", "cast: {x: int64}", "mean"))
    (finding,) = checked.findings
    assert finding.severity == "unknown"
    assert "whole numbers are counted first" in finding.message


def test_a_function_on_shapes_with_other_parameters_is_refused() -> None:
    @flowrun.step(outputs="z")
    def doubled(x: int) -> int:
        return x

    refused = r"`@doubled.on_shapes` must take .*\(x\).*\(y\)"
    with pytest.raises(flowrun.StepDefinitionError, match=refused):
        doubled.on_shapes(lambda y: y)


def test_a_step_has_one_function_on_shapes_and_one_check_of_its_options() -> None:
    @flowrun.step(outputs="z")
    def doubled(x: int) -> int:
        return x

    for decorator in ("on_shapes", "check_options"):
        register = getattr(doubled, decorator)
        register(lambda x: x)
        with pytest.raises(flowrun.StepDefinitionError, match=f"two .*`@doubled.{decorator}`"):
            register(lambda x: x)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ("y: {shape: [4, 3]}", "its shape is [4, 2], not [4, 3]"),
        ("y: {dtype: float64}", "its dtype is float32, not float64"),
        ("y: {device: cuda}", "its device is cpu, not cuda"),
        ("y: {below: 1}", "its shape is [4, 2]"),
        ("'y[4, 0]': {above: 0}", "nothing is there"),
        ("metrics.median: {above: 0}", "has no `median`; its keys: mean, rows"),
    ],
)
def test_expectations_that_cannot_be_met_are_found(
    recipe: Callable[..., Path], expected: str, message: str
) -> None:
    path = recipe("ones", "times", "mean", more=f"expect:\n  {expected}\n")
    (error,) = flowrun.check(path).errors
    assert error.mark is not None
    assert error.mark.line + 1 == 8
    assert message in error.message


def test_a_key_that_is_misspelt_in_an_expectation_is_asked_for(
    recipe: Callable[..., Path],
) -> None:
    path = recipe("ones", "times", "mean", more="expect:\n  metrics.maen: {above: 0}\n")
    (error,) = flowrun.check(path).errors
    assert error.hint == "did you mean `metrics.mean`?"


def test_expectations_of_numbers_are_left_to_the_run(recipe: Callable[..., Path]) -> None:
    more = "expect:\n  metrics.mean: {below: -5}\n  'y[3, 1]': {equals: 9}\n  y: {shape: [4, 2]}\n"
    assert flowrun.check(recipe("ones", "times", "mean", more=more)).findings == []


def test_what_is_expected_of_an_unknown_value_is_left_to_the_run(
    recipe: Callable[..., Path],
) -> None:
    more = "expect:\n  kept.mae: {below: 5}\n  'kept[3, 1]': {equals: 9}\n"
    assert flowrun.check(recipe("ones", "positive", more=more)).errors == []


def test_an_error_that_the_recipe_expects_is_none(recipe: Callable[..., Path]) -> None:
    more = "expect:\n  error: {step: pair, matches: should return 2}\n"
    assert flowrun.check(recipe("ones", "pair", more=more)).findings == []
    more = "expect:\n  error: {step: pair, matches: quite another}\n"
    assert not flowrun.check(recipe("ones", "pair", more=more)).ok


def test_the_warnings_of_a_step_that_is_expected_to_fail_are_shown(
    recipe: Callable[..., Path],
) -> None:
    more = "expect:\n  error: {step: compute, matches: should return}\n"
    steps = ("ones", "ones: {}\n    out: {x: z}", "compute: {d: 'x[:, 0] - z[:, :1]', e: x @ x}")
    checked = flowrun.check(recipe(*steps, more=more))
    assert states(checked)["compute"] == "fails"
    (finding,) = checked.findings
    assert (finding.severity, finding.step) == ("warning", "compute")
    assert "(4,) and (4, 1)" in finding.message


def test_json_tells_it_all(recipe: Callable[..., Path], flowrun: Flowrun) -> None:
    done = flowrun("check", recipe("ones", "times: {rows: 4}", "positive"), "--json")
    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert [step["state"] for step in document["steps"]] == ["fits", "fails", "unknown"]
    error = next(finding for finding in document["findings"] if finding["kind"] == "error")
    assert (error["line"], error["column"], error["step"]) == (5, 5, "times")
    assert error["code"]["file"] == "steps.py"
    assert document["steps"][0]["outputs"]["x"]["shape"] == [4, 3]


def test_several_recipes_are_checked_and_a_bad_one_does_not_hide_the_others(
    recipe: Callable[..., Path], write: Write, flowrun: Flowrun
) -> None:
    good = recipe("ones")
    bad = write("bad.yaml", "recipe: bad\nsteps: [one_step_too_many]\n")
    done = flowrun("check", bad, good, "--json")
    assert done.returncode == 2
    refused, checked = json.loads(done.stdout)
    assert refused["findings"][0]["line"] == 2
    assert checked["ok"] is True


def test_more_memory_than_there_is_is_an_error_that_names_the_step(
    recipe: Callable[..., Path], flowrun: Flowrun
) -> None:
    path = recipe("ones: {rows: 1000000, columns: 100}", "compute: {y: x * 2}")
    assert flowrun("check", path, "--memory", "1GiB").returncode == 0
    done = flowrun("check", path, "--memory", "600 MiB")
    assert done.returncode == 2
    assert "recipe.yaml:5:5: the step `compute` needs more memory than there is" in done.stderr
    assert "762.9 MiB of tensors" in done.stderr
    done = flowrun("check", path, "--memory", "plenty")
    assert done.returncode == 2
    assert "`plenty` is no size" in done.stderr


def test_as_much_memory_as_is_needed_is_enough(recipe: Callable[..., Path]) -> None:
    path = recipe("ones", "times")
    (forecast,) = flowrun.check(path).forecasts
    assert flowrun.check(path, memory=forecast.bytes).ok
    assert not flowrun.check(path, memory=forecast.bytes - 1).ok
