"""`--set`: what each path reaches, and what is said of a path that reaches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun import Recipe, RecipeError, load_recipe
from flowrun.recipes.reading import plain
from tests.core.problems import parts

RECIPE = """\
recipe: r
vars: {a: 1, deep: {x: [1, 2]}}
steps:
  - load: {source: a, layers: [1, {w: 2}]}
  - bare
  - {odd: 3, id: o}
  - empty:
expect: {metrics.mae: {below: 1}, y: golden, 'z[0]': {above: 2}}
"""


def read(*settings: str) -> Recipe:
    Path("r.yaml").write_text(RECIPE)
    return load_recipe("r.yaml", set=settings)


def content(recipe: Recipe) -> dict[str, object]:
    """The variables, options and expectations of a recipe, by the first part of a setting."""
    steps = {step.id: step.options and plain(step.options) for step in recipe.steps}
    found = {"vars": {name: plain(node) for name, node in recipe.vars.items()}}
    expected = {path: plain(entry.value) for path, entry in recipe.expect.items()}
    return {**steps, **found, "expect": expected}


MAE, Y, Z = {"metrics.mae": {"below": 1}}, {"y": "golden"}, {"z[0]": {"above": 2}}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("vars.deep.x[0]=7", {"a": 1, "deep": {"x": [7, 2]}}),
        ("vars.deep.y=7", {"a": 1, "deep": {"x": [1, 2], "y": 7}}),
        ("vars.a=", {"a": None, "deep": {"x": [1, 2]}}),
        ("expect.metrics.mae.below=2", {"metrics.mae": {"below": 2}, **Y, **Z}),
        ("expect.metrics.mae.above=0", {"metrics.mae": {"below": 1, "above": 0}, **Y, **Z}),
        ("expect.metrics.mae={above: 3}", {"metrics.mae": {"above": 3}, **Y, **Z}),
        ("expect.y={equals: 3}", {**MAE, "y": {"equals": 3}, **Z}),
        ("expect.z[0].above=5", {**MAE, **Y, "z[0]": {"above": 5}}),
        ("bare.x=1", {"x": 1}),
        ("bare.x.y=1", {"x.y": 1}),
        ("empty.x=1", {"x": 1}),
        ("load.source=a=b", {"source": "a=b", "layers": [1, {"w": 2}]}),
        ("load.layers[1].w=5", {"source": "a", "layers": [1, {"w": 5}]}),
        ("load.layers[1].v=5", {"source": "a", "layers": [1, {"w": 2, "v": 5}]}),
        ("load.layers[0]=5", {"source": "a", "layers": [5, {"w": 2}]}),
        (" load.source =b", {"source": "b", "layers": [1, {"w": 2}]}),
        ("vars.deep.x+=7", {"a": 1, "deep": {"x": [1, 2, 7]}}),
        ("vars.deep.x+=[7, 8]", {"a": 1, "deep": {"x": [1, 2, 7, 8]}}),
        ("vars.deep.x+=[[7]]", {"a": 1, "deep": {"x": [1, 2, [7]]}}),
        ("load.layers+=5", {"source": "a", "layers": [1, {"w": 2}, 5]}),
        ("+vars.b=7", {"a": 1, "deep": {"x": [1, 2]}, "b": 7}),
        ("+vars.deep.y=7", {"a": 1, "deep": {"x": [1, 2], "y": 7}}),
        ("+load.rows=7", {"source": "a", "layers": [1, {"w": 2}], "rows": 7}),
        ("+expect.loss.below=1", {**MAE, **Y, **Z, "loss": {"below": 1}}),
        ("+expect.loss={below: 1}", {**MAE, **Y, **Z, "loss": {"below": 1}}),
        ("~vars.a", {"deep": {"x": [1, 2]}}),
        ("~vars.deep.x[0]", {"a": 1, "deep": {"x": [2]}}),
        ("~vars.deep.x", {"a": 1, "deep": {}}),
        ("~load.source", {"layers": [1, {"w": 2}]}),
        ("~load.layers[1].w", {"source": "a", "layers": [1, {}]}),
        ("~expect.metrics.mae", {**Y, **Z}),
        ("~expect.metrics.mae.below", {**Y, **Z}),
        ("~expect", {}),
    ],
)
def test_a_setting_changes_what_it_names_and_nothing_else(setting: str, value: object) -> None:
    head = setting.strip(" +~").partition(".")[0]
    assert content(read(setting)) == {**content(read()), head: value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("#5", "#5"),
        ("a # b", "a # b"),
        ("a#b", "a#b"),
        ("50%", "50%"),
        ("@x", "@x"),
        ("*", "*"),
        ("*.csv", "*.csv"),
        ("&x", "&x"),
        ("-", "-"),
        ("|", "|"),
        (",x", ",x"),
        ("a=b", "a=b"),
        (r"C:\data\new", r"C:\data\new"),
        ("", None),
        ("~", None),
        ("1e5", 1e5),
        ('"quoted"', "quoted"),
        ("'it''s'", "it's"),
        ('"1"', "1"),
        ("[[a, 1], [b, 2]]", [["a", 1], ["b", 2]]),
        ("{a: 1}", {"a": 1}),
        ("{} # none", {}),
        (" x ", "x"),
    ],
)
def test_a_value_is_what_a_person_types_in_a_shell(text: str, value: object) -> None:
    assert plain(read(f"vars.a={text}").vars["a"]) == value


@pytest.mark.parametrize(
    ("text", "place", "message", "found", "expected"),
    [
        ("key: value", 8, "a mapping is written with `{` and `}` here, and a text of this form in "
         "quotes", "`key: value`", '`{key: value}` or `"key: value"`'),
        ("C:", 8, "a mapping is written with `{` and `}` here, and a text of this form in quotes",
         "`C:`", '`{C:}` or `"C:"`'),
        ("- b", 8, "a list is written with `[` and `]` here, and a text of this form in quotes",
         "`- b`", '`[b]` or `"- b"`'),
        ("{b:1}", 9, "a colon needs a space after it", "`b:1`", None),
        ("[{b: {c:1}}]", 14, "a colon needs a space after it", "`c:1`", None),
        ("[1,", 8, "not YAML: this `[` is not closed", None, None),
        ("{b: [1, 'it''s]'", 12, "not YAML: this `[` is not closed", None, None),
        ("9" * 401, 8, "a number of 401 characters: no number of a recipe is that long", None,
         None),
    ],
)  # fmt: skip
def test_a_value_that_may_mean_two_things_is_one_problem(
    text: str, place: int, message: str, found: str | None, expected: str | None
) -> None:
    with pytest.raises(RecipeError) as caught:
        read(f"vars.a={text}")
    (problem,) = caught.value.problems
    assert parts(problem, Path.cwd())[:4] == ((1, place + 6), message, found, expected)


def test_settings_from_python_have_the_same_language() -> None:
    changes = {"vars.deep.x+": [7], "+vars.b": "#5", "~expect.y": None, "load.source": "a: b"}
    recipe = load_recipe(Path("r.yaml").write_text(RECIPE) and "r.yaml", set=changes)
    found = content(recipe)
    assert found["vars"] == {"a": 1, "deep": {"x": [1, 2, 7]}, "b": "#5"}
    assert found["expect"] == {**MAE, **Z}
    assert found["load"] == {"source": "a: b", "layers": [1, {"w": 2}]}


def test_a_setting_that_is_not_yaml_leaves_its_path_as_it_is() -> None:
    with pytest.raises(RecipeError) as caught:
        read("seed=[1,")
    (problem,) = caught.value.problems
    assert str(problem).splitlines()[0] == "--set:1:12: not YAML: this `[` is not closed"


def test_the_later_of_two_settings_counts() -> None:
    assert read("seed=4", "seed=5").seed == 5


@pytest.mark.parametrize(
    ("key", "value"), [("device", "cpu"), ("cache", True), ("in", {"a": "b"}), ("dtype", "float64")]
)
def test_a_setting_reaches_a_key_beside_a_step(key: str, value: object) -> None:
    recipe = load_recipe({"recipe": "r", "steps": ["a", "b"]}, set={f"b.{key}": value})
    first, second = recipe.steps
    assert (first.beside, second.options) == ({}, None)
    assert {name: plain(entry.value) for name, entry in second.beside.items()} == {key: value}


PLACES = "seed, device, dtype, vars.NAME or STEP.OPTION with a step of: load, bare, o, empty"
VALUES = "expect.VALUE.CHECK with a value of: metrics.mae, y, z[0]"


@pytest.mark.parametrize(
    ("setting", "message", "found", "expected", "hint"),
    [
        ("vars.deep.x[9]=7", "the recipe has no `vars.deep.x[9]` to set", None, None,
         "the list has 2 items; `--set 'vars.deep.x+=...'` appends one"),
        ("vars.deep.y.z=1", "the recipe has no `vars.deep.y.z` to set", None, None, None),
        ("vars.a.b=1", "the recipe has no `vars.a.b` to set", None, None, None),
        ("vars.b=1", "the recipe has no variable `b` to set", None, "one of: a, deep",
         "`--set +vars.b=...` adds it"),
        ("vars.dep.x=1", "the recipe has no variable `dep` to set", None, "one of: a, deep",
         "did you mean `deep`?"),
        ("expect.y.golden=2", "the recipe has no `expect.y.golden` to set", None, None, None),
        ("expect.q=5", "the recipe expects nothing of `q`", None, VALUES, None),
        ("expect.mae.below=5", "the recipe expects nothing of `mae`", None, VALUES, None),
        ("expect.metrics.mea.below=5", "the recipe expects nothing of `metrics.mea`", None, VALUES,
         "did you mean `metrics.mae`?"),
        ("vars=3", "the recipe has no `vars` to set", None, PLACES, "did you mean `vars.a`?"),
        ("load=3", "the recipe has no `load` to set", None, PLACES, None),
        ("lod=3", "the recipe has no `lod` to set", None, PLACES,
         "did you mean an option of `load`: `load.OPTION=VALUE`?"),
        ("layers=3", "the recipe has no `layers` to set", None, PLACES,
         "did you mean `load.layers`?"),
        ("~load", "the recipe has no `load` to delete", None, PLACES,
         "`--skip load` leaves the step out"),
        ("~vars.b", "the recipe has no variable `b` to delete", None, "one of: a, deep", None),
        ("~load.b", "the recipe has no `load.b` to delete", None, None, None),
        ("~vars.a=1", "a deletion is written ~PATH", "`~vars.a=1`", None,
         "without a value: `--set '~vars.a'`"),
        ("~seed", "the recipe has no `seed` to delete", None, None, None),
        ("seed+=1", "`seed` is no list", None, None, "`--set seed=...` sets it"),
        ("vars.a+=1", "`vars.a` is no list to append to", "`1`", None,
         "set it: `--set vars.a=...`"),
        ("vars.deep+=1", "`vars.deep` is no list to append to", "`a mapping`", None,
         "set a key of it: `--set vars.deep.KEY=...`"),
        ("load.rows+=1", "the recipe has no `load.rows` to append to", None, None,
         "`--set 'load.rows=[...]'` sets a list"),
        ("+vars.a=1", "there is a `vars.a` already", None, None,
         "without the `+` it is replaced: `--set vars.a=...`"),
        ("vars.deep.x.0=1", "the recipe has no `vars.deep.x.0` to set", None, None,
         "an item of a list is `vars.deep.x[0]`"),
        ("vars.deep.x[-1]=1", "the recipe has no `vars.deep.x[-1]` to set", None, None,
         "items are counted from 0: this one is `vars.deep.x[1]`"),
        ("=3", "the recipe has no `` to set", None, PLACES, None),
        ("lod.x=3", "the recipe has no `lod.x` to set", None, PLACES, "did you mean `load`?"),
        ("lod.source=3", "the recipe has no `lod.source` to set", None, PLACES,
         "did you mean `load.source`?"),
        ("expct.y=3", "the recipe has no `expct.y` to set", None, PLACES,
         "did you mean `expect.y`?"),
        ("far.away=3", "the recipe has no `far.away` to set", None, PLACES, None),
        ("load.layers[1].v.u=5", "`load` has no `layers[1].v.u` to set", "a list of 2", None, None),
        ("load.layers[=1", "`load` has no `layers[` to set", "a list of 2", None, None),
        ("load.id=3", "the id of `load` identifies the step, and cannot be set", None, None, None),
        ("seed", "a setting is written PATH=VALUE", "`seed`", None,
         "without spaces: `--set seed=...`"),
    ],
)  # fmt: skip
def test_a_setting_that_reaches_nothing_says_what_there_is(
    setting: str, message: str, found: str | None, expected: str | None, hint: str | None
) -> None:
    with pytest.raises(RecipeError) as caught:
        read(setting)
    (problem,) = caught.value.problems
    assert parts(problem, Path.cwd()) == ((1, 7), message, found, expected, hint)
    assert f"--set {setting}" in str(problem)


def test_a_setting_of_a_step_with_other_options_than_a_mapping_is_named_in_the_recipe() -> None:
    with pytest.raises(RecipeError) as caught:
        read("o.x=3")
    (problem,) = caught.value.problems
    assert parts(problem, Path.cwd())[:2] == ((6, 11), "the options of `o` are not a mapping")


def test_a_mistake_in_the_value_of_a_setting_is_shown_at_its_place() -> None:
    with pytest.raises(RecipeError) as caught:
        read("vars.a=b: c: d")
    problem = caught.value.problems[0]
    assert problem.mark is not None
    assert (problem.mark.line + 1, problem.mark.column + 1) == (1, 18)
    assert "a colon with a space after it cannot stand here" in problem.message


def test_one_setting_without_any_variables_says_so() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe({"recipe": "r", "steps": ["a"]}, set=["vars.a=1", "expect.a.below=1"])
    assert [parts(problem, Path.cwd())[1:] for problem in caught.value.problems] == [
        ("the recipe has no variable `a` to set", None, "one of: none",
         "`--set +vars.a=...` adds it"),
        ("the recipe expects nothing of `a`", None, "expect.VALUE.CHECK with a value of: none",
         None),
    ]  # fmt: skip
