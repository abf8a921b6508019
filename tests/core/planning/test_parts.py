"""A part of a recipe: `--from`, `--until`, `--only`, `--skip`, and the same from Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun import RecipeError
from tests.conftest import Flowrun
from tests.core.problems import parts

STEPS = '''
from pathlib import Path
from flowrun import step

def called(name):
    with open(__import__("os").environ["CALLS"], "a") as file:
        file.write(name + "\\n")

@step(outputs="data")
def make(*, rows: int = 3):
    """Make rows."""
    called("make")
    return list(range(rows))

@step(outputs="data")
def double(data):
    """Double each."""
    called("double")
    return [2 * one for one in data]

@step(outputs=["data", "mean"])
def centre(data):
    """Subtract the mean."""
    called("centre")
    mean = sum(data) / len(data)
    return [one - mean for one in data], mean

@step(outputs="total")
def add_up(data, mean):
    """Add up."""
    called("add_up")
    return sum(data) + len(data) * mean

@step(outputs="metrics")
def judge(total):
    """Judge."""
    called("judge")
    return {"total": total}

@step(outputs=())
def look(data):
    """Look at it."""
    called("look")
'''

RECIPE = """\
recipe: r
plugins: [./steps.py]
steps:
  - make
  - double
  - look
  - centre
  - add_up
  - judge
expect:
  data: {finite: true}
  mean: {equals: 2}
  metrics.total: {equals: 6}
"""

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _recipe(write: Write) -> None:
    write("steps.py", STEPS)
    write("r.yaml", RECIPE)


def ran(**part: Any) -> list[str]:
    """The steps that a run of a part calls, and none of those that it finds in the store."""
    calls = Path(f"{Path.cwd()}.calls")
    calls.unlink(missing_ok=True)
    flowrun.run("r.yaml", **part)
    return calls.read_text().split() if calls.exists() else []


def planned(**part: Any) -> flowrun.Plan:
    return flowrun.plan("r.yaml", **part)


def ids(plan: flowrun.Plan) -> list[str]:
    return [step.id for step in plan.steps]


@pytest.mark.parametrize(
    ("part", "steps", "above", "left_out"),
    [
        ({"until": "double"}, "make double", "", "data mean metrics.total"),
        ({"until": "centre"}, "make double look centre", "", "metrics.total"),
        ({"from_": "add_up"}, "make double centre add_up judge", "make double centre", ""),
        ({"from_": "look", "until": "look"}, "make double look", "make double",
         "data mean metrics.total"),
        ({"only": "look"}, "make double look", "make double", "data mean metrics.total"),
        ({"only": ["judge", "look"]}, "make double look centre add_up judge",
         "make double centre add_up", ""),
        ({"skip": "double"}, "make look centre add_up judge", "", ""),
        ({"skip": ["look", "judge"]}, "make double centre add_up", "", "metrics.total"),
        ({"from_": "centre", "skip": "double"}, "make centre add_up judge", "make", ""),
        ({"from_": "make", "until": "judge"}, "make double look centre add_up judge", "", ""),
    ],
)  # fmt: skip
def test_a_part_has_its_steps_and_those_above_whose_values_it_takes(
    part: dict[str, Any], steps: str, above: str, left_out: str
) -> None:
    plan = planned(**part)
    assert plan.part is not None
    assert ids(plan) == steps.split()
    assert plan.part.above == tuple(above.split())
    assert plan.part.left_out == tuple(left_out.split())
    assert {one.path.text for one in plan.expectations.values} == {
        "data", "mean", "metrics.total"
    } - set(left_out.split())  # fmt: skip


def test_without_options_the_plan_is_the_whole_recipe() -> None:
    assert planned().part is None
    assert planned(only=(), skip=[]).part is None


def test_values_above_are_found_in_the_store_or_computed() -> None:
    assert ran(from_="add_up") == ["make", "double", "centre", "add_up", "judge"]
    assert ran(from_="add_up") == []
    assert ran(from_="add_up", fresh=True) == ["add_up", "judge"], "above, what is kept is taken"
    assert ran() == ["look"], "the whole recipe finds what a part has computed"
    assert ran(only="centre", fresh=True) == ["centre"]
    assert ran(until="double", fresh=True) == ["make", "double"]


def test_a_change_above_the_part_reaches_it() -> None:
    ran()
    assert ran(only="judge", set={"make.rows": 4}) == [
        "make",
        "double",
        "centre",
        "add_up",
        "judge",
    ]


def test_the_values_of_a_part_are_those_of_the_whole() -> None:
    whole, part = flowrun.run("r.yaml"), flowrun.run("r.yaml", only="judge", fresh=True)
    assert part.metrics == whole.metrics == {"total": 6.0}
    assert part.ok


def test_a_step_that_is_skipped_passes_a_value_of_its_name_on() -> None:
    result = flowrun.run("r.yaml", skip="double")
    assert (result.metrics, result.ok) == ({"total": 3.0}, False)


def test_a_value_of_another_step_than_in_the_whole_is_not_judged(write: Write) -> None:
    write("r.yaml", RECIPE.replace("data: {finite: true}", "data: {equals: [-2, 0, 2]}"))
    assert flowrun.run("r.yaml", until="centre").ok
    assert flowrun.run("r.yaml", until="double").ok, "its `data` is not the one that is expected"


def test_an_expected_failure_is_left_out_with_its_step(write: Write) -> None:
    write("r.yaml", RECIPE.partition("expect:")[0] + "expect: {error: {step: judge}}\n")
    plan = planned(until="centre")
    assert (plan.expectations.error, plan.part and plan.part.left_out) == (None, ("error",))
    assert planned(from_="centre").expectations.error is not None


def test_steps_below_the_part_and_skipped_ones_need_not_fit(write: Write) -> None:
    write("r.yaml", RECIPE.replace("  - judge\n", "  - judge: {nothing: 1}\n  - no_such_step\n"))
    assert ids(planned(until="add_up")) == ["make", "double", "look", "centre", "add_up"]
    assert ids(planned(skip=["judge", "no_such_step"])) == ids(planned(until="add_up"))
    with pytest.raises(RecipeError, match="there is no step `no_such_step`"):
        planned(skip="judge")


def test_a_given_value_takes_the_place_of_a_skipped_step() -> None:
    assert flowrun.run("r.yaml", skip="make", given={"data": [1, 1, 1]}).metrics == {"total": 6.0}


def test_what_is_shown_are_the_values_below_the_last_step_of_the_part() -> None:
    plan = planned(until="double", show=["data"])
    assert ids(plan) == ["make", "double", "shown_1"]
    assert plan.steps[-1].wires.inputs | (plan.steps[-1].wires.named or {}) == {"data": "data"}
    assert plan.part is not None
    assert plan.part.above == ()


KNOWN = "the id of a step: make, double, look, centre, add_up, judge"


@pytest.mark.parametrize(
    ("part", "message", "found", "expected", "hint"),
    [
        ({"from_": "duble"}, "the recipe has no step `duble`", None, KNOWN,
         "did you mean `double`?"),
        ({"only": "make,double"}, "the recipe has no step `make,double`", None, KNOWN,
         "give the option for each step: --only make --only double"),
        ({"only": "make", "until": "double"},
         "`--only` names every step that runs, so it takes no `--from` or `--until`", None, None,
         "leave out one of the two"),
        ({"from_": "judge", "until": "make"},
         "`--until make` ends above `--from judge`: no step is left", None, None,
         "the other way round it is `--from make --until judge`"),
        ({"until": "make", "skip": "make"},
         "`--until make` and `--skip make` contradict each other", None, None, None),
        ({"skip": ["make", "double", "look", "centre", "add_up", "judge"]},
         "every step is skipped: no step is left", None, None, "leave a `--skip` out"),
        ({"skip": "centre"},
         "add_up needs `mean`, which only the skipped step `centre` gives", None,
         "one of the values given so far: data", "run `centre`, or skip this step as well"),
    ],
)  # fmt: skip
def test_what_is_no_part_is_one_problem(
    part: dict[str, Any], message: str, found: str | None, expected: str | None, hint: str | None
) -> None:
    with pytest.raises(RecipeError) as caught:
        planned(**part)
    (problem,) = caught.value.problems
    assert parts(problem, Path.cwd())[1:] == (message, found, expected, hint)


def test_a_step_is_named_by_its_id(write: Write) -> None:
    write("r.yaml", RECIPE.replace("  - judge\n", "  - {judge: {}, id: last}\n"))
    with pytest.raises(RecipeError, match="`judge` has the id `last`"):
        planned(until="judge")


def test_a_check_is_of_the_part_alone() -> None:
    checked = flowrun.check("r.yaml", from_="centre", until="centre")
    assert [step.id for step in checked.steps] == ["make", "double", "centre"]


def test_the_command_says_which_part_runs_and_what_it_computes_above(flowrun: Flowrun) -> None:
    first = flowrun("r.yaml", "--from", "add_up")
    assert first.returncode == 0
    lines = first.stdout.splitlines()
    assert lines[1] == "  part          from add_up; above it: make, double, centre"
    assert [line.split()[0] for line in lines if line.endswith("no kept result")] == [
        "make", "double", "centre",
    ]  # fmt: skip
    again = flowrun("r.yaml", "--from", "add_up", fresh=True)
    assert again.stdout.count("kept") == 5
    assert again.stdout.splitlines()[1] == lines[1], "answered from a note"
    until = flowrun("r.yaml", "--until", "double")
    left_out = "left out, its value is not in this part"
    assert f"  expect        metrics.total: {left_out}" in until.stdout.splitlines()


def test_the_history_knows_the_part(flowrun: Flowrun) -> None:
    flowrun("r.yaml")
    flowrun("r.yaml", "--until", "double", "--skip", "look")
    flowrun("r.yaml", "--until", "double", "--skip", "look")
    assert flowrun("runs").stdout.splitlines()[1].split("  ")[2] == "r (until double, without look)"
    (newest, *_) = json.loads(flowrun("runs", "--json").stdout)
    assert newest["part"] == "until double, without look"
    record = json.loads(flowrun("show", "last", "--json").stdout)
    assert record["part"] == {
        "from": None, "until": "double", "only": [], "skip": ["look"], "above": [],
        "left_out": ["data", "mean", "metrics.total"],
    }  # fmt: skip
    shown = flowrun("show", "last").stdout
    assert "part          until double, without look" in shown
    assert "not reached" not in shown
    different = flowrun("diff", "last~2", "last")
    assert (different.returncode, "part: the whole recipe -> until double" in different.stdout) == (
        0,
        True,
    )
    assert "removed" not in different.stdout
    explained = flowrun("explain", "r.yaml")
    assert "6 of 6 steps would be kept" in explained.stdout


def test_a_step_that_the_latest_part_did_not_run_is_explained_by_the_run_before(
    flowrun: Flowrun, write: Write
) -> None:
    flowrun("r.yaml")
    flowrun("r.yaml", "--until", "double")
    write("steps.py", STEPS.replace("/ len(data)", "/ max(len(data), 1)"))
    explained = flowrun("explain", "r.yaml").stdout
    assert "  centre        to run\n" in explained
    assert "it is new to this recipe" not in explained


def test_a_run_of_a_part_is_a_recipe_of_its_own(flowrun: Flowrun) -> None:
    assert flowrun("r.yaml", "--only", "centre").returncode == 0
    shown = flowrun("show", "last", "mean", "-p", "steps.py")
    assert (shown.returncode, shown.stdout) == (0, "mean = 2.0\n")
    graph = flowrun("graph", "r.yaml", "--only", "look", "--no-shapes").stdout
    assert "look" in graph
    assert "centre" not in graph


def test_a_notebook_shows_the_part() -> None:
    about, left_out = "only look; above it: make, double", "left out, its value is not in this part"
    assert about in planned(only="look")._repr_html_()
    assert about in flowrun.check("r.yaml", only="look")._repr_html_()
    shown = flowrun.run("r.yaml", only="look")._repr_html_()
    assert about in shown
    assert shown.count(left_out) == 3


def test_a_shell_completes_steps(flowrun: Flowrun) -> None:
    def completed(*words: str) -> list[str]:
        line = " ".join(["flowrun", *words])
        number = str(len(words))
        done = flowrun(_FLOWRUN_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=number)
        return [entry.partition(",")[2] for entry in done.stdout.splitlines() if entry]

    assert completed("r.yaml", "--from", "d") == ["double"]
    assert completed("explain", "r.yaml", "--skip", "") == ids(planned())
    assert completed("none.yaml", "--only", "d") == []


def test_a_step_below_the_part_that_does_not_fit_may_give_a_value_anew(
    write: Callable[[str, str], Path],
) -> None:
    """Nothing is judged of what it gives, as another step gives that in the whole recipe."""
    write(
        "misfit.py",
        "from flowrun import step\n@step(outputs='value')\ndef give(*, value: int = 1):\n"
        "    return value\n@step(outputs='value')\ndef inc(value):\n    return value + 1\n",
    )
    for misfit in ("inc: {oops: 1}", "inc: {}\n    in: {value: nothing}"):
        path = write(
            "misfit.yaml",
            f"recipe: m\nplugins: [./misfit.py]\nsteps:\n  - give: {{value: 2}}\n  - {misfit}\n"
            "expect: {value: {equals: 3}}\n",
        )
        result = flowrun.run(path, until="give")
        assert result.ok
        assert result.record["expectations"] == []


def test_show_is_the_built_in_step_beside_one_of_that_name(
    write: Callable[[str, str], Path], flowrun: Flowrun
) -> None:
    write(
        "own.py",
        "from flowrun import step\n@step(outputs='a')\ndef one():\n    return 1\n"
        "@step(outputs=())\ndef show(a):\n    raise RuntimeError('the wrong one')\n",
    )
    write("own.yaml", "recipe: own\nplugins: [./own.py]\nsteps: [one]\n")
    done = flowrun("own.yaml", "--show", "a")
    assert (done.returncode, "a = 1" in done.stdout) == (0, True), done.stdout + done.stderr
