"""A run: what it gives, what it records, and what listeners hear."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun
from flowrun import DeviceError, FlowrunError, StepError
from tests.sealing import read_record

Write = Callable[[str, str], Path]

STEPS = '''
"""Steps without torch, to run with."""
from flowrun import hookimpl, step

@step(outputs="x")
def one(*, value: float = 1.0):
    """Give a number."""
    return value

@step(outputs=("x", "metrics"))
def add(x, *, by: float = 1.0, ctx):
    """Add to a number."""
    ctx.log(f"added {by}")
    if by > 10:
        ctx.warn("that is much")
    return x + by, {"sum": x + by}

@step(outputs="drawn", random=True)
def draw(*, ctx):
    """Draw a number."""
    import random
    return random.random()

@step(outputs=lambda options: options.give)
def give(*, give: list[str], wrong: bool = False):
    """Give zeros by name."""
    return {"other": 0} if wrong else dict.fromkeys(give, 0)

@step(outputs=("a", "b"))
def three():
    """Give one value too many."""
    return 1, 2, 3

@step(outputs="a")
def forget():
    """Forget to return."""
    1 + 1

@step(outputs=())
def chatter():
    """Return something nobody asked for."""
    return 5

@step(outputs="x")
def fail(x):
    """Fail."""
    raise ValueError("that cannot be\\nsecond line")
'''


@pytest.fixture
def recipe(write: Write) -> Callable[[str, str], Path]:
    write("steps.py", STEPS)

    def make(steps: str, rest: str = "") -> Path:
        text = f"recipe: r\nplugins: [./steps.py]\nsteps:\n{steps}\n{rest}"
        return write("r.yaml", text)

    return make


Make = Callable[..., Path]


def test_a_run_gives_values_metrics_and_record(recipe: Make) -> None:
    result = flowrun.run(recipe("  - one\n  - add: {by: 2}", "expect: {x: {equals: 3}}"))
    assert result.ok
    assert result.values == {"x": 3.0, "metrics": {"sum": 3.0}}
    assert result.metrics == {"sum": 3.0}
    assert result.record["status"] == "ok"
    assert result.record["steps"][1]["messages"] == ["added 2.0"]


def test_a_mapping_and_settings_run_as_a_file_does(recipe: Make, tmp_path: Path) -> None:
    recipe("  - one")
    mapping = {"recipe": "m", "plugins": [str(tmp_path / "steps.py")], "steps": ["one", "add"]}
    assert flowrun.run(mapping, set={"add.by": 5, "one.value": 1}).metrics == {"sum": 6.0}


def test_each_run_leaves_a_record_and_events(recipe: Make) -> None:
    path = recipe("  - one\n  - add: {by: 20}", "expect: {metrics.sum: {below: 1}}")
    result = flowrun.run(path, seed=7)
    assert not result.ok
    (folder,) = Path(".flowrun/runs").iterdir()
    record = read_record(folder)
    assert record == json.loads(json.dumps(result.record))
    assert (record["status"], record["seed"], record["recipe"]) == ("unmet", 7, "r")
    assert record["expectations"] == [
        {
            "path": "metrics.sum",
            "wanted": "below 1",
            "check": "below",
            "found": "21",
            "met": False,
            "difference": "off by 20",
        }
    ]
    assert record["warnings"] == ["that is much"]
    assert record["plan"][1]["options"] == {"by": 20.0}
    assert record["steps"][1]["outputs"]["x"] == {"type": "float", "value": 21.0}
    assert record["environment"]["packages"]["flowrun"]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == [
        "run_started",
        "step_started",
        "step_finished",
        "step_started",
        "step_finished",
        "run_finished",
    ]


def test_flowrun_home_moves_the_records(recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRUN_HOME", "elsewhere")
    flowrun.run(recipe("  - one"))
    assert len(list(Path("elsewhere/runs").iterdir())) == 1
    assert not Path(".flowrun").exists()


def test_records_that_cannot_be_written_spoil_no_run(recipe: Make) -> None:
    Path(".flowrun").write_text("in the way")
    with pytest.warns(UserWarning, match="not everything could be kept"):
        assert flowrun.run(recipe("  - one")).values == {"x": 1.0}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("  - three", "returned 3 values; it should return 2: a, b"),
        ("  - forget", "is a `return` missing?"),
        ("  - chatter", "returned int; it should return nothing"),
        ("  - give: {give: [a, b], wrong: true}", "a dict with a, b"),
        ("  - one\n  - fail", "ValueError: that cannot be"),
    ],
)
def test_a_step_that_fails_says_where_and_with_what(recipe: Make, steps: str, message: str) -> None:
    with pytest.raises(StepError) as caught:
        flowrun.run(recipe(steps))
    assert message in str(caught.value)
    assert str(caught.value).startswith("r.yaml:")
    (folder,) = Path(".flowrun/runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"


def test_a_failed_step_shows_its_inputs_and_keeps_its_cause(recipe: Make) -> None:
    with pytest.raises(StepError) as caught:
        flowrun.run(recipe("  - one\n  - fail"))
    assert "input   x: 1" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.step == "fail"


def test_a_device_that_is_not_there_is_an_error_before_anything_runs(recipe: Make) -> None:
    path = recipe("  - one\n  - add:\n    device: cuda:77")
    with pytest.raises(DeviceError, match=r"cuda:77.*not there; this machine has:.*cpu"):
        flowrun.run(path)
    assert not Path(".flowrun").exists()


def test_a_steps_seed_follows_from_the_recipes_seed_and_its_id_alone(recipe: Make) -> None:
    alone = flowrun.run(recipe("  - draw"), seed=3).values["drawn"]
    inserted = flowrun.run(recipe("  - one\n  - draw"), seed=3).values["drawn"]
    renamed = flowrun.run(recipe("  - draw: {}\n    id: other"), seed=3).values["drawn"]
    reseeded = flowrun.run(recipe("  - draw"), seed=4).values["drawn"]
    assert alone == inserted
    assert len({alone, renamed, reseeded}) == 3


def test_a_run_leaves_the_callers_random_numbers_alone(recipe: Make) -> None:
    import random

    random.seed(1)
    expected = random.random()
    random.seed(1)
    flowrun.run(recipe("  - draw"))
    assert random.random() == expected


LISTENER = """
from flowrun import hookimpl

heard = []

@hookimpl
def flowrun_step_started(result):
    heard.append(result.id)
    raise RuntimeError("a listener's own trouble")

@hookimpl
def flowrun_run_finished(run):
    heard.append(run.status)
"""

BACKEND = """
from contextlib import contextmanager
from flowrun import Backend, hookimpl

class Hundred(Backend):
    @contextmanager
    def around_step(self, step, ctx, call):
        if "x" in call.inputs:
            call.inputs["x"] += 100
        yield
        if step.name == "one":
            call.returned *= 7

@hookimpl
def flowrun_backend():
    return Hundred()
"""


def test_a_listener_that_raises_is_reported_once_and_switched_off(
    recipe: Make, write: Write
) -> None:
    write("listener.py", LISTENER)
    with pytest.warns(UserWarning, match="switched off") as warned:
        result = flowrun.run(recipe("  - one\n  - add"), plugins=("listener.py",))
    assert result.ok
    (message,) = [str(one.message) for one in warned]
    assert "`listener.py` failed in flowrun_step_started" in message
    assert "a listener's own trouble" in message


VALUES_LISTENER = """
from pathlib import Path
from flowrun import hookimpl

@hookimpl
def flowrun_run_finished(run):
    states = [result.kept is not None for result in run.steps]
    with Path("heard.txt").open("a") as file:
        file.write(f"{run.status} {states} {dict(run.values)}\\n")
"""


def test_a_listener_has_the_values_of_a_run_that_is_over_kept_or_not(
    recipe: Make, write: Write, tmp_path: Path
) -> None:
    write("listener.py", VALUES_LISTENER)
    path = recipe("  - one\n  - add")
    for _ in range(2):
        flowrun.run(path, plugins=("listener.py",))
    called, kept = (tmp_path / "heard.txt").read_text().splitlines()
    outputs = "{'x': 2.0, 'metrics': {'sum': 2.0}}"
    assert called == f"ok [False, False] {outputs}"
    assert kept == f"ok [True, True] {outputs}"


def test_a_backend_may_change_the_inputs_of_a_step_and_what_it_returned(
    recipe: Make, write: Write
) -> None:
    write("hundred.py", BACKEND)
    result = flowrun.run(recipe("  - one\n  - add"), plugins=("hundred.py",))
    assert result.values["x"] == 108.0  # 1 * 7, + 100, + 1


def test_the_code_of_a_backend_belongs_to_the_key_of_every_step(recipe: Make, write: Write) -> None:
    path = recipe("  - one\n  - add")
    for factor in (7, 8):
        write("hundred.py", BACKEND.replace("*= 7", f"*= {factor}"))
        result = flowrun.run(path, plugins=("hundred.py",))
        assert result.values["x"] == factor + 101.0


@pytest.mark.parametrize(
    ("expect", "outcome"),
    [
        ("{x: {below: 1}}", (False, "below 1", "1")),
        ("{x: {above: 0.5, below: 2}}", (True, "above 0.5", "1")),
        ("{x: {between: [1, 1]}}", (True, "between 1 and 1", "1")),
        ("{x: {equals: 1.05, atol: 0.1}}", (True, "equals 1.05 within 0.1", "1")),
        ("{x: {equals: 1.05, rtol: 0.01}}", (False, "equals 1.05 within rtol 0.01", "1")),
        ("{metrics.nope: {below: 1}}", (False, "below 1", "`metrics` has no `nope`")),
        ("{metrics: {below: 1}}", (False, "below 1", "dict, not a number")),
        ("{'x[0]': {below: 1}}", (False, "below 1", "`x`")),
    ],
)
def test_an_expectation_is_held_against_the_result(
    recipe: Make, expect: str, outcome: tuple[bool, str, str]
) -> None:
    path = recipe("  - one\n  - add: {by: 0}", f"expect: {expect}")
    found: dict[str, Any] = flowrun.run(path).record["expectations"][0]
    assert (found["met"], found["wanted"]) == outcome[:2]
    assert outcome[2] in found["found"]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("None", "the plugin `odd.py` gave nothing for flowrun_backend"),
        ("3", "gave 3 for flowrun_backend: return an object of a subclass of flowrun.Backend"),
        ("1 / 0", "the plugin `odd.py` failed in flowrun_backend: ZeroDivisionError"),
    ],
)
def test_a_backend_that_is_none_is_blamed_on_its_plugin(
    recipe: Make, write: Write, returned: str, message: str
) -> None:
    hook = f"@hookimpl\ndef flowrun_backend():\n    return {returned}\n"
    write("odd.py", f"from flowrun import hookimpl\n\n{hook}")
    with pytest.raises(flowrun.PluginError, match=re.escape(message)):
        flowrun.run(recipe("  - one"), plugins=("odd.py",))


def test_numbers_json_does_not_have_are_kept_as_text(recipe: Make) -> None:
    result = flowrun.run(recipe("  - one: {value: .inf}\n  - add: {by: -.inf}"))
    (folder,) = Path(".flowrun/runs").iterdir()
    record = read_record(folder)
    assert record["plan"][0]["options"] == {"value": "inf"}
    assert record["steps"][1]["outputs"]["x"]["value"] == "nan"
    assert record == result.record


def test_every_error_of_flowrun_is_a_flowrun_error() -> None:
    for name in ("RecipeError", "PluginError", "DeviceError", "StepError", "DataError"):
        assert issubclass(getattr(flowrun, name), FlowrunError)


def test_two_keys_of_one_text_are_two_in_the_record(write: Write) -> None:
    write(
        "steps.py",
        "from flowrun import step\n\n@step(outputs='metrics')\ndef score():\n"
        "    return {1: 0.5, '1': 0.7}\n",
    )
    recipe = {"recipe": "r", "plugins": ["./steps.py"], "steps": ["score"]}
    result = flowrun.run(recipe)
    assert result.metrics == {1: 0.5, "1": 0.7}
    assert result.record["metrics"] == {"1 (int)": 0.5, "1": 0.7}
