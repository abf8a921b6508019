"""What is said of an argument that is no recipe's file, and of a step without its colon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import flowrun as flowrun_api
from flowrun import RecipeError
from tests.conftest import Flowrun
from tests.core.problems import parts

Write = Callable[[str, str], Path]

ADDRESS = "https://example.org/some/wine.yaml?ref=main&raw=1"
SAID_OF_ADDRESS = (
    f"`{ADDRESS}` is an address, and a recipe is a file on this machine\n"
    f"    download it, and the files that it names: curl -L -o wine.yaml '{ADDRESS}'\n"
)


@pytest.mark.parametrize("command", [(), ("check",), ("explain",), ("graph",)])
def test_an_address_is_to_be_downloaded(flowrun: Flowrun, command: tuple[str, ...]) -> None:
    done = flowrun(*command, ADDRESS)
    assert done.returncode == 2
    assert SAID_OF_ADDRESS in done.stderr


def test_an_address_from_python() -> None:
    with pytest.raises(RecipeError, match="is an address, and a recipe is a file"):
        flowrun_api.plan(ADDRESS)
    with pytest.raises(RecipeError, match=r"`https://example.org/wine.yaml` is an address"):
        flowrun_api.plan(Path("https://example.org/wine.yaml"))


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "steps.py",
            "steps.py is Python code, and a recipe is a YAML file",
            "a recipe uses the steps of a file by `plugins: [./steps.py]`; "
            "`flowrun steps -p steps.py` lists them",
        ),
        (
            "try.ipynb",
            "try.ipynb is Python code, and a recipe is a YAML file",
            "a recipe uses the steps of a file by `plugins: [./try.ipynb]`",
        ),
        (
            "bottles.csv",
            "bottles.csv is a file of data, and a recipe is a YAML file",
            "a recipe reads it by `- load: {source: ./bottles.csv}`",
        ),
    ],
)
def test_a_file_of_another_kind(write: Write, name: str, message: str, hint: str) -> None:
    write(name, "import flowrun\ndef two(data):\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(name)
    (problem,) = failure.value.problems
    assert (problem.message, problem.hint) == (message, hint)


def test_a_folder_lists_its_recipes_and_how_to_run_them_all(write: Write) -> None:
    write("all/b.yaml", "recipe: b\nsteps: [x]\n")
    write("all/a.yaml", "recipe: a\nsteps: [x]\n")
    write("all/other.yaml", "recipe: pancakes\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan("all")
    (problem,) = failure.value.problems
    assert problem.hint == (
        "it contains: all/a.yaml, all/b.yaml\n`flowrun test all` runs and tests all of them"
    )


def test_a_missing_parent_is_not_the_recipe_itself(write: Write) -> None:
    write("wine_base.yaml", "recipe: b\nextends: wine.yaml\n")
    path = write("wine1.yaml", "recipe: w\nextends: wine_base.yaml\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    (problem,) = failure.value.problems
    assert problem.message == "`extends` names a file that is not there"
    assert problem.hint is None
    write("wines.yaml", "recipe: v\nsteps: [x]\n")
    with pytest.raises(RecipeError, match=r"did you mean `wines.yaml`\?"):
        flowrun_api.plan(path)


LACKS = "lacks a colon after the name of its step"


@pytest.mark.parametrize(
    ("item", "message", "hint"),
    [
        ("load {source: wine-red}", f"`load {{source: wine-red}}` {LACKS}",
         "write `- load: {source: wine-red}`"),
        ("load {source: wine-red}  # wine", f"`load {{source: wine-red}}` {LACKS}",
         "write `- load: {source: wine-red}`"),
        ("split train: 3", f"`split train: 3` {LACKS}", "write `- split: {train: 3}`"),
        ("save to=x", f"`save to=x` {LACKS}", "write `- save: {to: x}`"),
        ("shufle {of: x}", f"`shufle {{of: x}}` {LACKS}", "write `- shuffle: {of: x}`"),
        ("load(wine-red)", f"`load(wine-red)` {LACKS}", "write `- load: {option: wine-red}`"),
        ("'load {source: x}'", f"`load {{source: x}}` {LACKS}", "write `- load: {source: x}`"),
    ],
)  # fmt: skip
def test_a_step_without_its_colon(write: Write, item: str, message: str, hint: str) -> None:
    path = write("r.yaml", f"recipe: r\nsteps:\n  - {item}\n  - shuffle\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    (problem,) = failure.value.problems
    assert parts(problem, path.parent) == ((3, 5), message, None, None, hint)


@pytest.mark.parametrize(
    ("items", "quoted"),
    [("[a[-1]]", "a[-1]"), ("[a, losses[0].mae, b]", "losses[0].mae"), ("[x, a[0][1]]", "a[0][1]")],
)
def test_an_expression_with_brackets_in_a_list_is_to_be_quoted(
    write: Write, items: str, quoted: str
) -> None:
    path = write("r.yaml", f"recipe: r\nsteps:\n  - tensor: {{a: [1]}}\n  - show: {items}\n")
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    (problem,) = failure.value.problems
    assert problem.hint == f"inside [ ] a text with brackets of its own needs quotes: '{quoted}'"


@pytest.mark.parametrize("name", ["x?", "a\u2003", "a b", " a", "1a"])
def test_an_output_named_by_an_option_is_an_identifier(write: Write, name: str) -> None:
    path = write("r.yaml", f'recipe: r\nsteps:\n  - tensor: {{b: 1, "{name}": [1, 2]}}\n')
    with pytest.raises(RecipeError) as failure:
        flowrun_api.plan(path)
    (problem,) = failure.value.problems
    assert parts(problem, path.parent)[:2] == ((3, 20), f"tensor: `{name}` is no name for a value")
