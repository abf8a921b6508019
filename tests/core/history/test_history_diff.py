"""What differs between two runs, from the recipe down to the first value that is another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowrun as fr
from flowrun import StepError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEPS = '''
"""Steps without torch, to compare runs of."""
import os
from typing import Any
from flowrun import step

@step(outputs="value")
def give(*, value: Any):
    """Give a value of the recipe."""
    return value

@step(outputs="number", random=True)
def draw(*, ctx):
    """Draw a number."""
    import random
    return random.Random(ctx.seed).random()

@step(outputs=("total", "metrics"))
def add(a, b, c=0):
    """Add numbers."""
    return a + b + c, {"total": a + b + c}

@step(outputs="text")
def read(*, file: str, ctx):
    """Read a file."""
    return ctx.read(file).read_text()

@step(outputs="thing")
def thing():
    """Give a value of a type that no codec knows."""
    return object()

@step(outputs="token")
def chance():
    """Give what no two calls give."""
    return os.urandom(8).hex()
'''

RECIPE = """
recipe: r
plugins: [./steps.py]
vars: {n: 1}
steps:
  - give: {value: "${n}"}
    out: {value: a}
  - give: {value: 2.5}
    id: other
    out: {value: b}
  - add
expect: {total: {below: 4}}
"""


@pytest.fixture
def run(write: Write) -> Callable[..., dict[str, Any]]:
    """Run a recipe with one text in place of another; gives the record."""
    write("steps.py", STEPS)

    def run_it(old: str = "", new: str = "", **arguments: Any) -> dict[str, Any]:
        assert old in RECIPE
        path = write("r.yaml", RECIPE.replace(old, new) if old else RECIPE)
        return fr.run(path, **arguments).record

    return run_it


Run = Callable[..., dict[str, Any]]


def compared(flowrun: Flowrun, code: int = 1) -> str:
    """What is shown of the last two runs."""
    done = flowrun("diff", "last~1", "last")
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout


def section(shown: str, name: str) -> list[str]:
    """The lines of one section."""
    lines = shown.splitlines()
    rest = lines[lines.index(name) + 1 :]
    end = next((i for i, line in enumerate(rest) if not line.startswith(" ")), len(rest))
    return [line.strip() for line in rest[:end]]


def test_two_runs_alike_differ_in_nothing(run: Run, flowrun: Flowrun) -> None:
    first, second = run(), run()
    lines = compared(flowrun, 0).splitlines()
    assert [line.split()[:4] for line in lines[:2]] == [
        ["A", first["id"], "r", "ok"],
        ["B", second["id"], "r", "ok"],
    ]
    assert lines[2:] == ["no difference in: recipe, options, code, data, environment, result"]


def test_another_option_is_told_with_what_it_does(run: Run, flowrun: Flowrun) -> None:
    run()
    run(set={"vars.n": 2, "other.value": 3.5})
    shown = compared(flowrun)
    assert section(shown, "options") == ["vars.n: 1 -> 2", "give.value: 1 -> 2",
                                         "other.value: 2.5 -> 3.5"]  # fmt: skip
    assert section(shown, "data") == ["inputs whose content differs: `add` (a, b)"]
    result = section(shown, "result")
    assert result[0] == "status: ok -> unmet"
    assert result[1] == "metrics.total: 3.5 -> 5.5 (+2)"
    assert result[2] == "expect total, below 4: 3.5, met -> 5.5, NOT MET"
    assert result[3].startswith("first output that differs: `a` of `give`, digest: ")
    assert result[4] == "1 -> 2"
    assert result[5] == "a: 1 -> 2 (+1)"
    assert result[6:] == ["further steps whose outputs differ: `other`, `add`"]
    assert shown.splitlines()[-1] == "no difference in: recipe, code, environment"


def test_another_option_without_another_result_is_told_with_exit_code_0(
    run: Run, flowrun: Flowrun
) -> None:
    run(set={"other.value": 1e3})
    run(set={"other.value": 1000.0, "expect.total.below": 5})
    assert section(compared(flowrun, 0), "recipe") == ["expect.total.below: 4 -> 5"]


def test_another_seed_is_told_once(run: Run, flowrun: Flowrun) -> None:
    steps = ("  - add\n", "  - draw\n  - add\n")
    run(*steps, seed=1)
    run(*steps, seed=2)
    shown = compared(flowrun)
    assert section(shown, "options") == ["seed: 1 -> 2"]
    assert section(shown, "result")[0].startswith("first output that differs: `number` of `draw`")


def test_changes_of_the_recipe_are_told_step_by_step(run: Run, flowrun: Flowrun) -> None:
    run()
    run("  - add\n", "  - give: {value: 4}\n    out: {value: c}\n  - add: {}\n    in: {a: b}\n")
    assert section(compared(flowrun), "recipe") == [
        "step `give_2` added, after `other`",
        "add.in.a: a -> b",
        "add.in.c: nothing -> c",
    ]
    run()
    shown = compared(flowrun)
    assert section(shown, "recipe")[0] == "step `give_2` removed, after `other`"
    assert "values that only A gives: `c`" in shown


def test_another_recipe_with_the_same_steps_is_told(
    run: Run, flowrun: Flowrun, write: Write
) -> None:
    run()
    text = RECIPE.replace("recipe: r", "recipe: s").replace("give: {value: 2.5}", "draw: {}")
    fr.run(write("s.yaml", text.replace("out: {value: b}", "out: {number: b}")))
    recipe = section(compared(flowrun), "recipe")
    assert recipe[0] == "name: r -> s"
    assert recipe[1].startswith("file: ")
    assert recipe[1].endswith("s.yaml")
    assert recipe[2:] == [
        "step of `other`: give -> draw",
        "other.out.value: b -> nothing",
        "other.out.number: nothing -> b",
    ]


def test_another_order_of_the_steps_is_told(flowrun: Flowrun, write: Write) -> None:
    write("steps.py", STEPS)
    head, one, two = "recipe: o\nplugins: [./steps.py]\nsteps:\n", "  - chance\n", "  - draw\n"
    fr.run(write("o.yaml", head + one + two))
    fr.run(write("o.yaml", head + two + one))
    recipe = section(compared(flowrun, 0), "recipe")
    assert recipe == ["order of steps: chance, draw -> draw, chance"]


def test_changed_code_is_told_by_file_and_line(run: Run, flowrun: Flowrun, write: Write) -> None:
    run()
    changed = STEPS.replace("return a + b + c,", "total = a + b + c\n    return total + 1,")
    write("steps.py", changed)
    run()
    line = changed[: changed.index("total = a")].count("\n") + 1
    code = section(compared(flowrun), "code")
    assert code == [f"code changed in steps.py:{line}-{line + 1} (in `add`)"]


def test_a_changed_module_beside_the_plugin_is_told(flowrun: Flowrun, write: Write) -> None:
    write("helper.py", "def plus(a, b):\n    return a + b\n")
    write("steps.py", STEPS.replace("import os\n", "import os\nimport helper\n")
          .replace("return a + b + c,", "return helper.plus(a, b) + c,"))  # fmt: skip
    flowrun(write("r.yaml", RECIPE))
    write("helper.py", "def plus(a, b):\n    return b + a\n")
    flowrun("r.yaml")
    code = section(compared(flowrun, 0), "code")
    assert code == ["code changed in helper.py:2 (in `add`)"]


def test_a_changed_version_of_a_step_is_told(run: Run, flowrun: Flowrun, write: Write) -> None:
    run()
    write("steps.py", STEPS.replace('("total", "metrics"))', '("total", "metrics"), version=2)'))
    run()
    assert "the step's `version`: none -> 2 (in `add`)" in compared(flowrun, 0)


def test_code_that_the_store_no_longer_knows_is_said_to_be_unknown(
    run: Run, flowrun: Flowrun
) -> None:
    run()
    run(set={"other.value": 3.5})
    for path in Path(".flowrun/store").glob("records.sqlite*"):
        path.unlink()
    shown = compared(flowrun)
    assert "unknown for `other`, `add`: the store has no record" in shown
    assert "the bytes of A and B are not kept" in shown


def test_another_file_is_told_by_its_digest(flowrun: Flowrun, write: Write) -> None:
    write("data.csv", "a,b\n1,2\n3,4\n")
    steps = "[{load: {source: data.csv}}]"
    path = write("files.yaml", f"recipe: files\nsteps: {steps}")
    fr.run(path)
    write("data.csv", "a,b\n1,2\n3,5\n")
    fr.run(path)
    data = section(compared(flowrun), "data")
    assert len(data) == 1
    assert data[0].startswith("file data.csv, digest: ")


def test_another_place_to_save_to_is_told_without_a_format_or_a_changed_file(
    flowrun: Flowrun, write: Write
) -> None:
    write(
        "r.yaml",
        "recipe: r\nsteps:\n  - tensor: {x: 1.0}\n  - save: {to: out/x, values: [x]}\n",
    )
    flowrun("-q", "r.yaml")
    flowrun("-q", "r.yaml", "--set", "save.to=out/x_0.03")
    shown = flowrun("diff", "last~1", "last").stdout
    assert section(shown, "options") == ["save.to: out/x -> out/x_0.03"]
    assert section(shown, "data") == [
        "`save`: only A looked at out/x",
        "`save`: only B looked at out/x_0.03",
    ]


def test_a_failed_run_differs_by_its_error(run: Run, flowrun: Flowrun) -> None:
    run()
    with pytest.raises(StepError):
        run(set={"vars.n": "text"})
    result = section(compared(flowrun), "result")
    assert result[0] == "status: ok -> failed"
    assert result[1].startswith("error: none -> ")
    assert "metrics.total: 3.5 -> nothing" in result
    assert "values that only A gives: `total`, `metrics`" in result


def test_nested_values_are_compared_part_by_part(run: Run, flowrun: Flowrun) -> None:
    old = {"x": [1, 2, 3.0], "y": "a", "z": {"w": [["a"], 1]}, "gone": 1}
    new = {"x": [1, 4, 2.5], "y": "b", "z": {"w": [["b"], 1]}, "here": 1, "longer": [1]}
    steps = ("  - add\n", "  - give: {value: {}}\n    id: nested\n  - add\n")
    run(*steps, set={"nested.value": old})
    run(*steps, set={"nested.value": new})
    result = section(compared(flowrun), "result")
    assert result[2:] == [
        "value.x: 2 of 3 numbers differ, most at [1]: 2 -> 4 (+2)",
        "value.y: a -> b",
        "value.z.w[0][0]: a -> b",
        "value.gone went",
        "value.here came",
        "value.longer came",
    ]


def test_values_are_compared_by_their_keys_not_by_the_text_of_their_paths(
    run: Run, flowrun: Flowrun
) -> None:
    steps = ("  - add\n", "  - give: {value: {}}\n    id: nested\n  - add\n")
    run(*steps, set={"nested.value": {"a.b": 1, "a": {"b": 2}}})
    run(*steps, set={"nested.value": {"a.b": 3, "a": {"b": 2}}})
    assert section(compared(flowrun), "options") == ["nested.value.a.b: 1 -> 3"]


BOXES = '''
from flowrun import Codec, Summary, hookimpl, step


class Box:
    """A type of the plugin's own."""

    def __init__(self, items):
        self.items = items


@hookimpl
def flowrun_codecs():
    summary = lambda box: Summary("Box")
    items = lambda box: box.items
    return [Codec(type=Box, summary=summary, plain=items, pack=items, unpack=Box)]


@step(outputs="box")
def fill(*, items: list[int]):
    """Fill a box."""
    return Box(items)
'''


def test_values_of_a_plugins_own_type_are_compared_if_it_is_named(
    flowrun: Flowrun, write: Write
) -> None:
    write("boxes.py", BOXES)
    text = "recipe: b\nplugins: [./boxes.py]\nsteps: [{fill: {items: [1, 2]}, cache: true}]"
    path = write("b.yaml", text)
    fr.run(path)
    fr.run(path, set={"fill.items": [1, 3]})
    result = section(compared(flowrun), "result")
    assert (
        result[1] == "the bytes of A and B cannot be read: if a plugin can read them, add -p PLUGIN"
    )
    done = flowrun("diff", "last~1", "last", "-p", "boxes.py")
    assert (done.returncode, done.stderr) == (1, "")
    assert section(done.stdout, "result")[1].startswith("box: ")


TENSORS = """
recipe: tensors
steps:
  - tensor: {a: [1.0, 2.0, 3.0]}
  - compute: {b: "a * 2", c: "a + 1"}
"""


def test_tensors_whose_bytes_are_kept_are_compared(flowrun: Flowrun, write: Write) -> None:
    path = write("t.yaml", TENSORS.replace("3.0]}", "3.0]}\n    cache: true"))
    fr.run(path)
    fr.run(path, set={"tensor.a": [1.0, 2.5, 3.0]})
    result = section(compared(flowrun), "result")
    assert result[0].startswith("first output that differs: `a` of `tensor`, digest: ")
    assert result[1] == "(3,) [1, 2, 3] -> (3,) [1, 2.5, 3]"
    assert result[2] == "a, B against A: largest difference 0.5 at [1]: 2 -> 2.5"
    assert result[3:] == ["further steps whose outputs differ: `compute`"]


def test_tensors_whose_bytes_are_not_kept_are_said_to_differ(
    flowrun: Flowrun, write: Write
) -> None:
    path = write("t.yaml", TENSORS)
    fr.run(path)
    fr.run(path, set={"tensor.a": [1.0, 2.5, 3.0]})
    result = section(compared(flowrun), "result")
    assert result[2].startswith("the bytes of A and B are not kept, so the difference")
    assert result[3].startswith("with `cache: true` beside the step")


def test_tensors_of_another_shape_are_told_by_their_shapes(flowrun: Flowrun, write: Write) -> None:
    path = write("t.yaml", TENSORS)
    fr.run(path)
    fr.run(path, set={"tensor.a": [1.0, 2.0]})
    assert section(compared(flowrun), "result")[1] == "(3,) [1, 2, 3] -> (2,) [1, 2]"


def test_a_step_that_is_not_deterministic_is_found(run: Run, flowrun: Flowrun) -> None:
    steps = ("  - add\n", "  - chance\n  - add\n")
    run(*steps)
    run(*steps, fresh=True)
    shown = compared(flowrun)
    assert section(shown, "result")[0].startswith("first output that differs: `token` of `chance`")
    assert "no difference in: recipe, options, code, data, environment" in shown


def test_values_without_a_digest_are_said_not_to_be_known(run: Run, flowrun: Flowrun) -> None:
    steps = ("  - add\n", "  - thing\n  - add\n")
    run(*steps)
    run(*steps)
    assert section(compared(flowrun, 0), "result") == [
        "without a digest it is unknown whether these differ: `thing` of `thing`"
    ]


def test_a_value_that_differs_is_shown_beside_one_that_is_not_known(
    run: Run, flowrun: Flowrun
) -> None:
    steps = ("  - add\n", "  - thing\n  - add\n")
    run(*steps)
    run(*steps, set={"other.value": 1})
    result = section(compared(flowrun, 1), "result")
    assert "metrics.total: 3.5 -> 2 (-1.5)" in result
    assert "without a digest it is unknown whether these differ: `thing` of `thing`" in result


def test_the_same_value_of_another_step_is_no_difference_of_the_result(
    run: Run, flowrun: Flowrun
) -> None:
    run()
    run("id: other", "id: another")
    shown = compared(flowrun, 0)
    assert section(shown, "recipe")[:2] == [
        "step `other` removed, after `give`",
        "step `another` added, after `give`",
    ]
    assert shown.splitlines()[-1].endswith(", result")


def test_another_value_of_another_step_is_shown_with_both_steps(run: Run, flowrun: Flowrun) -> None:
    first = run()
    second = run("2.5}\n    id: other", "1.5}\n    id: another")
    old, new = (record["steps"][1]["digests"]["b"][:12] for record in (first, second))
    result = section(compared(flowrun), "result")
    assert f"`b`, of `other` in A and `another` in B, digest: {old} -> {new}" in result


def test_numbers_that_are_none_are_compared_as_such(run: Run, flowrun: Flowrun) -> None:
    text = "  - give: {value: [.nan, 1, 2]}\n    id: odd\n  - add\n"
    run("  - add\n", text)
    run("  - add\n", text.replace("1, 2", "1, .nan"))
    assert "value: 1 of 3 numbers differ, most at [2]: 2 -> nan (+nan)" in compared(flowrun)


def test_many_differences_are_cut(run: Run, flowrun: Flowrun) -> None:
    steps = ("  - add\n", "  - give: {value: {}}\n    id: many\n  - add\n")
    run(*steps, set={"many.value": {f"k{n}": 1 for n in range(20)}})
    run(*steps, set={"many.value": {f"k{n}": 2 for n in range(20)}})
    lines = section(compared(flowrun), "result")
    assert sum(line.startswith("value.k") for line in lines) == 8
    assert "..." in lines


def test_a_comparison_is_had_as_json(run: Run, flowrun: Flowrun) -> None:
    first = run()
    second = run(set={"vars.n": 2})
    done = flowrun("diff", first["id"], second["id"], "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["a"], found["b"], found["same"]) == (first["id"], second["id"], False)
    assert found["options"][0] == {"what": "vars.n", "old": 1, "new": 2}
    digests = [record["steps"][0]["digests"]["a"] for record in (first, second)]
    change = next(one for one in found["result"] if one["what"].startswith("first output"))
    assert [change["old"], change["new"]] == digests


def test_the_numbers_of_metrics_have_their_difference_in_json(run: Run, flowrun: Flowrun) -> None:
    run()
    run(set={"vars.n": 2})
    found = json.loads(flowrun("diff", "last~1", "last", "--json").stdout)
    change = next(one for one in found["result"] if one["what"] == "metrics.total")
    assert (change["old"], change["new"], change["difference"]) == (3.5, 4.5, 1.0)
