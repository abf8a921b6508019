"""`vars`, `extends` and `--set`: what a recipe says before any step is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowrun import Recipe, RecipeError, load_recipe
from flowrun.recipes.reading import plain

Write = Callable[[str, str], Path]


def options(recipe: Recipe, step_id: str) -> object:
    """The options of one step as Python values."""
    entry = next(entry for entry in recipe.steps if entry.id == step_id)
    return plain(entry.options) if entry.options is not None else None


def error(given: Path | dict[str, object], **arguments: object) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(given, **arguments)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_reference_alone_keeps_the_type_and_one_in_a_text_is_text(write: Write) -> None:
    text = """
recipe: r
vars: {n: 1e3, widths: [64, 1], name: red, nested: {deep: [1, 2]}, more: "${n}"}
steps:
  - s: {a: "${n}", b: "${widths}", c: "${name}-${n}", d: "$${n}", e: "${nested.deep[1]}"}
  - t: {a: "${more}"}
"""
    recipe = load_recipe(write("r.yaml", text))
    assert options(recipe, "s") == {
        "a": 1000.0, "b": [64, 1], "c": "red-1e3", "d": "${n}", "e": 2,
    }  # fmt: skip
    assert options(recipe, "t") == {"a": 1000.0}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("${trian}", "did you mean `train`?"),
        ("${loop}", "vars` refer to each other in a circle: loop -> other -> loop"),
        ("${rows", "`${` without its `}`"),
        ("a ${many}", "cannot stand inside a text"),
        ("${many[7]}", "leads nowhere"),
        ("${many[-3]}", "leads nowhere"),
        ("${many.x}", "leads nowhere"),
        ("${}", "does not begin with a name"),
        ("${a b}", "stops being a path"),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error_with_its_place(
    write: Write, reference: str, message: str
) -> None:
    text = (
        "recipe: r\nvars: {train: 1, many: [1, 2], loop: '${other}', other: '${loop}'}\n"
        f"steps:\n  - s: {{a: '{reference}'}}\n"
    )
    found = error(write("r.yaml", text))
    assert message in found


def test_the_caret_stands_below_the_reference_inside_a_text(write: Write) -> None:
    found = error(write("r.yaml", "recipe: r\nsteps:\n  - s: {a: 'x ${nope} y'}\n"))
    lines = found.splitlines()
    assert lines[0].startswith("r.yaml:3:15:")
    assert lines[1].index("$") == lines[2].index("^")


PARENT = """
recipe: parent
about: The parent.
seed: 3
vars: {rows: 10, other: 1}
steps:
  - load: {source: a}
  - split: {train: "${rows}"}
  - split: {train: 1}
    id: second
expect:
  x: {below: 1}
  y: {below: 2}
"""


def test_extends_replaces_steps_by_id_and_merges_the_rest(write: Write) -> None:
    write("base/parent.yaml", PARENT)
    child = """
recipe: child
extends: base/parent.yaml
vars: {rows: 20}
steps:
  - shuffle
  - split: {train: 5, targets: 2}
    id: second
  - load: {source: b}
expect:
  x: {above: 0}
"""
    recipe = load_recipe(write("child.yaml", child))
    assert (recipe.name, recipe.about, recipe.seed) == ("child", "The parent.", 3)
    assert [entry.id for entry in recipe.steps] == ["load", "split", "second", "shuffle"]
    assert options(recipe, "load") == {"source": "b"}
    assert options(recipe, "split") == {"train": 20}
    assert options(recipe, "second") == {"train": 5, "targets": 2}
    assert {path: plain(entry.value) for path, entry in recipe.expect.items()} == {
        "x": {"above": 0},
        "y": {"below": 2},
    }


def test_a_step_of_the_parent_keeps_the_parents_folder(write: Write, tmp_path: Path) -> None:
    write("base/parent.yaml", PARENT)
    recipe = load_recipe(write("child.yaml", "recipe: c\nextends: base/parent.yaml\n"))
    assert recipe.steps[0].mark.source.folder == tmp_path / "base"


def test_extends_in_a_circle_is_an_error(write: Write) -> None:
    write("a.yaml", "recipe: a\nextends: b.yaml\nsteps: [load]\n")
    found = error(write("b.yaml", "recipe: b\nextends: a.yaml\nsteps: [load]\n"))
    assert "leads in a circle: b.yaml -> a.yaml" in found


def test_plugins_of_parent_and_child_are_joined(write: Write) -> None:
    write("base/parent.yaml", PARENT + "plugins: [a.py]\n")
    recipe = load_recipe(write("c.yaml", "recipe: c\nextends: base/parent.yaml\nplugins: [b.py]\n"))
    assert [scalar.text for scalar in recipe.plugins] == ["a.py", "b.py"]
    assert recipe.plugins[0].mark.source.folder.name == "base"


def test_extends_over_two_generations(write: Write) -> None:
    write("a.yaml", PARENT)
    write("b.yaml", "recipe: b\nextends: a.yaml\nseed: 4\n")
    assert load_recipe(write("c.yaml", "recipe: c\nextends: b.yaml\n")).seed == 4


def test_a_repeated_step_is_numbered_and_a_given_id_is_never_taken(write: Write) -> None:
    text = "recipe: r\nsteps: [s, s, {s: {}, id: s_2}, s]\n"
    recipe = load_recipe(write("r.yaml", text))
    assert [entry.id for entry in recipe.steps] == ["s", "s_3", "s_2", "s_4"]


@pytest.mark.parametrize(
    ("setting", "step", "expected"),
    [
        ("split.train=0.5", "split", {"train": 0.5}),
        ("split.targets=[a, b]", "split", {"train": 10, "targets": ["a", "b"]}),
        ("load.header=true", "load", {"source": "a", "header": True}),
        ("vars.rows=1E2", "split", {"train": 100.0}),
        ("second.train='7'", "second", {"train": "7"}),
    ],
)
def test_set_changes_one_value(
    write: Write, setting: str, step: str, expected: dict[str, object]
) -> None:
    assert options(load_recipe(write("r.yaml", PARENT), set=[setting]), step) == expected


@pytest.mark.parametrize(
    ("setting", "layers"), [("s.layers[0]=64", [64, 4, 1]), ("s.layers[2]=3", [8, 4, 3])]
)
def test_set_reaches_an_item_of_a_list(setting: str, layers: list[int]) -> None:
    recipe = {"recipe": "r", "steps": [{"s": {"layers": [8, 4, 1]}}]}
    assert options(load_recipe(recipe, set=[setting]), "s") == {"layers": layers}


@pytest.mark.parametrize("path", ["s.layers[-1]", "s.layers[3]", "s.layers.x", "s.lr[0]"])
def test_set_of_an_item_that_is_not_there_is_an_error(path: str) -> None:
    recipe = {"recipe": "r", "steps": [{"s": {"layers": [8, 4, 1], "lr": 1}}]}
    assert f"`s` has no `{path[2:]}` to set" in error(recipe, set={path: 2})


def test_set_of_an_option_that_has_the_name_of_a_key_beside_a_step_sets_the_option() -> None:
    recipe = {"recipe": "r", "steps": [{"record": {"device": "tape"}}, {"play": {"speed": 2}}]}
    recipe = load_recipe(recipe, set={"record.device": "disc", "play.device": "cpu"})
    assert (options(recipe, "record"), recipe.steps[0].beside) == ({"device": "disc"}, {})
    assert options(recipe, "play") == {"speed": 2}
    assert plain(recipe.steps[1].beside["device"].value) == "cpu"


def test_set_reaches_the_keys_of_the_recipe_and_those_beside_a_step(write: Write) -> None:
    path = write("r.yaml", PARENT)
    settings = {"seed": 9, "device": "cpu", "split.device": "cuda:1", "expect.x.below": 0.5}
    recipe = load_recipe(path, set=settings)
    assert (recipe.seed, recipe.device) == (9, "cpu")
    assert plain(recipe.steps[1].beside["device"].value) == "cuda:1"
    assert plain(recipe.expect["x"].value) == {"below": 0.5}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("vars.rwos=5", "did you mean `rows`?"),
        ("sed=5", "did you mean `seed`?"),
        ("splt.train=5", "did you mean `split.train`?"),
        ("train=5", "the recipe has no `train` to set"),
        ("seed", "PATH=VALUE"),
        ("expect.z.below=5", "expects nothing of `z`"),
        ("seed=[", "not YAML"),
        ("seed=x", "a whole number from 0"),
        ("recipe=x", "the recipe has no `recipe` to set"),
        ("split.id=x", "cannot be set"),
    ],
)
def test_a_setting_without_a_place_is_an_error_with_the_nearest_one(
    write: Write, setting: str, message: str
) -> None:
    assert message in error(write("r.yaml", PARENT), set=[setting])


def test_one_setting_may_be_given_as_one_text(write: Write) -> None:
    assert load_recipe(write("r.yaml", PARENT), set="seed=8").seed == 8


def test_a_setting_no_recipe_can_hold_is_refused(write: Write) -> None:
    assert "`seed` does not fit" in error(write("r.yaml", PARENT), set={"seed": float("nan")})
    assert "type object" in error(write("r.yaml", PARENT), set={"seed": object()})
