"""Plugins: local files, modules, conflicts, failures, and what `flowrun steps` says of them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun as flowrun_api
from flowrun import PluginError, RecipeError, StepError
from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

STEP = """
from flowrun import step

@step(outputs="x")
def {name}(*, value: int = {value}):
    '''Give a number.'''
    return value
"""


def recipe(write: Write, steps: str, plugins: str = "[]", name: str = "r.yaml") -> Path:
    return write(name, f"recipe: r\nplugins: {plugins}\nsteps: {steps}\n")


def test_a_local_file_of_steps_needs_no_hook(write: Write) -> None:
    write("mine.py", STEP.format(name="mine", value=3))
    assert flowrun_api.run(recipe(write, "[mine]", "[mine.py]")).values == {"x": 3}


def test_a_plugin_of_a_recipe_lies_beside_the_recipe(write: Write) -> None:
    write("deep/mine.py", STEP.format(name="mine", value=3))
    path = recipe(write, "[mine]", "[./mine.py]", "deep/r.yaml")
    assert flowrun_api.run(path).values == {"x": 3}


def test_a_local_file_may_import_the_module_beside_it(write: Write) -> None:
    write("deep/beside.py", "VALUE = 8\n")
    write("deep/mine.py", "import beside\n" + STEP.format(name="mine", value="beside.VALUE"))
    path = recipe(write, "[mine]", "[mine.py]", "deep/r.yaml")
    assert flowrun_api.run(path).values == {"x": 8}


def test_two_folders_may_each_have_a_module_of_one_name(flowrun: Flowrun, write: Write) -> None:
    for folder, value in (("a", 3), ("b", 4), ("c", 5)):
        write(f"{folder}/helper.py", f"VALUE = {value}\n")
        write(
            f"{folder}/mine.py", "import helper\n" + STEP.format(name="mine", value="helper.VALUE")
        )
        recipe(write, "[mine]", "[mine.py]", f"{folder}/r.yaml")
    done = flowrun("a/r.yaml", "b/r.yaml", "c/r.yaml", "a/r.yaml", "--fresh")
    found = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("  mine")]
    assert found == ["3", "4", "5", "3"]


def test_a_file_and_a_module_are_loaded_by_p(flowrun: Flowrun, write: Write) -> None:
    write("mine.py", STEP.format(name="mine", value=3))
    write("other_module.py", STEP.format(name="other", value=4))
    path = recipe(write, "[mine, other]")
    done = flowrun(path, "-p", "mine.py", "-p", "other_module")
    assert done.returncode == 0, done.stderr
    assert "x 4" in done.stdout


def test_the_same_plugin_twice_is_loaded_once(write: Write) -> None:
    write("mine.py", STEP.format(name="mine", value=3))
    path = recipe(write, "[mine]", "[mine.py, ./mine.py]")
    assert flowrun_api.run(path, plugins=("mine.py",)).values == {"x": 3}


def test_plugins_of_one_recipe_are_unknown_to_the_next(flowrun: Flowrun, write: Write) -> None:
    write("a/steps.py", STEP.format(name="mine", value=3))
    write("b/steps.py", STEP.format(name="mine", value=4))
    first = recipe(write, "[mine]", "[steps.py]", "a/r.yaml")
    second = recipe(write, "[mine]", "[steps.py]", "b/r.yaml")
    third = recipe(write, "[mine]", "[]", "c/r.yaml")
    done = flowrun(first, second, third)
    assert "x 3" in done.stdout
    assert "x 4" in done.stdout
    assert "there is no step `mine`" in done.stderr


def test_two_plugins_with_one_step_name_are_named_both(write: Write) -> None:
    write("one.py", STEP.format(name="mine", value=3))
    write("two.py", STEP.format(name="mine", value=4))
    with pytest.raises(RecipeError) as caught:
        flowrun_api.plan(recipe(write, "[mine]", "[one.py, two.py]"))
    assert "`one.py`" in str(caught.value)
    assert "`two.py`" in str(caught.value)


def test_a_conflict_stops_no_recipe_that_does_not_use_the_name(write: Write) -> None:
    write("one.py", STEP.format(name="mine", value=3))
    write("two.py", STEP.format(name="mine", value=4) + STEP.format(name="good", value=5))
    assert flowrun_api.run(recipe(write, "[good]", "[one.py, two.py]")).values == {"x": 5}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nonsense_module", "No module named 'nonsense_module'"),
        ("def broken(:\n", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero (mine.py:1)"),
        ("from flowrun import step\n@step(outputs='x')\ndef s(*a): ...", "has `*a`"),
        ("def flowrun_steps():\n    return [print]", "which is no step"),
        (
            "from flowrun import hookimpl\n@hookimpl\ndef flowrun_stepz(): ...",
            "`flowrun_stepz`, which is no hook of flowrun; did you mean `flowrun_steps`?",
        ),
        ("def flowrun_codecs():\n    return []", "put @flowrun.hookimpl above it"),
        (
            "from flowrun import hookimpl\n@hookimpl\ndef flowrun_steps(nope): ...",
            "nope",
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_with_its_error(
    write: Write, code: str, message: str
) -> None:
    write("mine.py", code)
    with pytest.raises(RecipeError) as caught:
        flowrun_api.plan(recipe(write, "[load: {source: x}]", "[mine.py]"))
    assert "the plugin `mine.py`" in str(caught.value)
    assert message in str(caught.value)
    with pytest.raises(PluginError):
        flowrun_api.plan(recipe(write, "[load: {source: x}]"), plugins=("mine.py",))


def test_steps_lists_each_step_with_one_line(flowrun: Flowrun) -> None:
    lines = flowrun("steps").stdout.splitlines()
    names = [line.split()[0] for line in lines]
    assert names == sorted(names)
    assert {"load", "shuffle", "split", "normalize", "init_params", "gd_train"} <= set(names)
    assert {"predict", "evaluate", "save", "bench"} <= set(names)
    assert all(len(line.split()) > 3 for line in lines)


def test_steps_describes_one_step_in_full(flowrun: Flowrun) -> None:
    text = flowrun("steps", "gd_train").stdout
    assert "gd_train: Train by gradient descent" in text
    assert "  params\n  X_train\n  y_train\n  model  (optional)\n" in text
    assert "outputs\n  params\n  losses\n" in text
    assert "lr: a number > 0 (default 0.01)\n      Learning rate." in text
    assert "loss: one of: binary_cross_entropy, cross_entropy, huber, mae, mse" in text
    assert "batch_size: a whole number >= 1 or null (default null)" in text
    assert text.endswith("example\n  - gd_train: {lr: 0.01, steps: 1000}\n")


BUILT_IN = {
    name: step
    for name, givers in flowrun_api.plan(
        {"recipe": "r", "steps": [{"load": {"source": "x"}}]}
    ).registry.steps.items()
    for _, step in givers
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_option_of_a_built_in_step_is_described(name: str) -> None:
    step = BUILT_IN[name]
    options = [*step.options, *([step.others] if step.others else [])]
    assert all(option.description for option in options)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_example_of_a_built_in_step_can_stand_in_a_recipe(
    flowrun: Flowrun, write: Write, name: str
) -> None:
    example = flowrun("steps", name).stdout.rpartition("example\n")[2]
    assert example.strip().startswith(f"- {name}")
    try:
        flowrun_api.plan(write("r.yaml", f"recipe: r\nsteps:\n{example}\n"))
    except RecipeError as error:  # alone it may lack its inputs, and nothing else
        for problem in error.problems:
            assert "no step above it gives" in problem.message


def test_an_unknown_step_is_answered_with_the_nearest(flowrun: Flowrun) -> None:
    assert "did you mean `gd_train`?" in flowrun("steps", "gd_trian").stderr


def test_plugins_lists_versions_and_what_each_gives(flowrun: Flowrun, write: Write) -> None:
    write("mine.py", STEP.format(name="mine", value=3))
    text = flowrun("plugins", "-p", "mine.py").stdout
    assert "tensors 0." in text
    assert "wine-red, wine-white" in text
    assert ".safetensors" in text
    assert "mine.py  (a local file)\n  steps     mine" in text


@pytest.mark.parametrize("body", ["return None", "raise RuntimeError('own trouble')"])
def test_a_hook_that_fails_ends_the_run_before_its_first_step(write: Write, body: str) -> None:
    code = f"from flowrun import hookimpl\n@hookimpl\ndef flowrun_codecs():\n    {body}\n"
    write("mine.py", code + STEP.format(name="mine", value=3))
    with pytest.raises(PluginError, match=r"the plugin `mine\.py` .*flowrun_codecs"):
        flowrun_api.run(recipe(write, "[mine]", "[mine.py]"))
    assert not Path(".flowrun").exists()


def test_a_codec_of_a_local_plugin_may_name_its_type_itself(flowrun: Flowrun, write: Write) -> None:
    write(
        "mine.py",
        "from flowrun import Codec, Summary, hookimpl, step\n\n\n"
        "class Price:\n    amount = 3.5\n\n\n"
        "@hookimpl\ndef flowrun_codecs():\n"
        "    return [Codec(Price, lambda p: Summary('price', dtype='euro'), lambda p: p.amount)]\n"
        "\n\n@step(outputs='price')\ndef ask():\n    return Price()\n",
    )
    text = "recipe: r\nplugins: [mine.py]\nsteps: [ask]\nexpect: {price: {below: 4}}\n"
    done = flowrun(write("r.yaml", text))
    assert done.returncode == 0, done.stderr
    assert "price euro" in done.stdout
    assert "price 3.5, below 4: met" in done.stdout


def test_a_codec_that_fails_fails_the_step_whose_value_it_is(write: Write) -> None:
    write(
        "mine.py",
        "from flowrun import Codec, hookimpl, step\n\n\n"
        "class Price:\n    pass\n\n\n"
        "@hookimpl\ndef flowrun_codecs():\n"
        "    return [Codec(Price, lambda price: 1 / 0, lambda price: 0)]\n"
        "\n\n@step(outputs='price')\ndef ask():\n    return Price()\n",
    )
    with pytest.raises(StepError, match=r"the codec of `.*Price` failed: ZeroDivisionError"):
        flowrun_api.run(recipe(write, "[ask]", "[mine.py]"))


def test_a_run_asks_each_plugin_once_for_what_it_gives(write: Write) -> None:
    hooks = "".join(
        f"@hookimpl\ndef flowrun_{hook}():\n    print('asked', '{hook}')\n    return []\n\n"
        for hook in ("formats", "datasets", "codecs")
    )
    code = (
        "from flowrun import hookimpl, step\n\n" + hooks + "@step(outputs='x')\ndef ask(*, ctx):\n"
        "    given = ctx.plugins\n    return 2 * len(given.formats) + 2 * len(given.datasets)\n"
    )
    write("mine.py", code)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        flowrun_api.run(recipe(write, "[ask, ask]", "[mine.py]"))
    assert sorted(output.getvalue().split()) == ["asked"] * 3 + ["codecs", "datasets", "formats"]
