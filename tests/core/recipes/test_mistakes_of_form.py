"""Mistakes in the form of a recipe: the place, the value found, the value expected, the hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun import RecipeError, load_recipe
from tests.core.problems import Parts, parts

ONE_NAME = "one step name, and beside it only id, in, out, device, dtype, cache, after, before"
NO_STEP = ("a step's entry names one step", "no step name", ONE_NAME)
NO_STEP_HINT = "for example `- split: {train: 1000}`"
TWO_STEPS = "a step's entry names one step"
A_LIST = "a line `- name: {option: value}` for each step"
A_MAPPING = "`recipe: name` and, below it, `steps:` with the list of steps"
EMPTY = (
    "r.yaml: the recipe is empty", None, None,
    "the smallest one: `recipe: name` and, below it, `steps:` with `- load: {source: ...}`",
)  # fmt: skip
DASH = "write a space after the dash: `- load: ...`"
NO_ID = ("`id` names one step", "a name of letters, digits, `_` and `-`")
ANCHOR = "`*x` refers to an anchor that is not complete above it"
MERGE_HINT = "use `extends` for a whole recipe, or `${...}` with `vars` for values"
SPACES_HINT = "indent with ordinary spaces; text copied from a web page may hold others"
DECIMAL = "a comma ends the value before it; for a decimal write 0.01"
QUOTED = "put it in quotes: '01'"

# The recipe; the line and the column of the mistake; the message; found; expected; hint.
WHOLE = [
    ("", None, *EMPTY),
    ("# a comment\n", None, *EMPTY),
    ("[a]\n", (1, 1), "a recipe is a mapping", "a list of 1", A_MAPPING, None),
    ("steps: [a]\n", (1, 1), "the recipe has no name", None, None,
     "begin the file with `recipe: r`"),
    ("recipe: r\nsteps: load\n", (2, 8), "`steps` is a list", "`load` (a string)", A_LIST, None),
    ("recipe: r\nsteps: {a: 1, -load: 2}\n", (2, 8), "`steps` is a list",
     "a mapping with a, -load", A_LIST, DASH),
    ("recipe: r\nsteps: {}\n", (2, 8), "`steps` is a list", "a mapping with no keys", A_LIST, None),
    ("recipe: r\nabout: \x01\n", None,
     "r.yaml:2: not a recipe: it contains the control character 0x01", None, None,
     "a recipe is a YAML text; a data file is named in `- load: {source: ...}`"),
]  # fmt: skip
# One item of `steps:` on line 3, from column 5.
STEPS = [
    ("3", (3, 5), "a step is a name, or a mapping with one name", "`3` (a whole number)", None,
     None),
    ("[a]", (3, 5), "a step is a name, or a mapping with one name", "a list of 1", None, None),
    ("{}", (3, 5), *NO_STEP, NO_STEP_HINT),
    ("{id: a}", (3, 5), *NO_STEP, NO_STEP_HINT),
    ("a: {x: 1}\n    b: {y: 1}", (4, 5), TWO_STEPS, "2 names: a, b", ONE_NAME,
     "a step of its own needs a dash of its own: `- b: ...`"),
    ("a: {x: 1}\n    b:", (4, 5), TWO_STEPS, "2 names: a, b", ONE_NAME,
     "a step of its own needs a dash of its own: `- b: ...`"),
    ("a:\n    x: b.csv\n    y: 1", (4, 5), TWO_STEPS, "3 names: a, x, y", ONE_NAME,
     "options go inside the step's own braces: `- a: {x: b.csv}`"),
    ("a:\n    x: [1]", (4, 5), TWO_STEPS, "2 names: a, x", ONE_NAME,
     "options go inside the step's own braces: `- a: {x: ...}`"),
    ("{a: {}, id: x}\n  - b\n  - {c: , id: x}", (5, 15),
     "the id `x` is taken by the step on line 3", None, None, "give one of the two another id"),
    ("{a: {}, id: 3}", (3, 17), NO_ID[0], "`3` (a whole number)", NO_ID[1], None),
    ("{a: {}, id: [b]}", (3, 17), NO_ID[0], "a list of 1", NO_ID[1], None),
    ("{a: {}, id: a b}", (3, 17), NO_ID[0], "`a b` (a string)", NO_ID[1], None),
    ("{a: {}, cache: 1}", (3, 20), "`cache` does not fit", "`1` (a whole number)", "true or false",
     None),
    ("a: {lr: 0,01}", (3, 15), "a key must be a string", "`01`", None, DECIMAL),
    ("a: {lr: x,01}", (3, 15), "a key must be a string", "`01`", None, QUOTED),
    ("a: {lr: 0,\n    01}", (4, 5), "a key must be a string", "`01`", None, QUOTED),
    ("a: {lr: 0,01: 3}", (3, 15), "a key must be a string", "`01`", None, QUOTED),
    ("a: {01, b: 2}", (3, 9), "a key must be a string", "`01`", None, QUOTED),
    ("a:\n    \u00a0 x: 1", (4, 5), "a no-break space in a place for ordinary spaces", None, None,
     SPACES_HINT),
]  # fmt: skip
NAME_ONE_RECIPE = "`extends` names one recipe"
NOT_THERE = "`extends` names a file that is not there"
DEVICES = "auto, cpu, cuda, cuda:N, mps or xpu"
DTYPES = "one of: float16, bfloat16, float32, float64"
SEEDS = "a whole number from 0 to 9223372036854775807"
KINDS = "kinds of device that must be there: `cuda`; or must not: `no cuda`"
FILES = "a list of files and modules: `[./my_steps.py]`"
BOUNDS = "values and their bounds: `metrics.mae: {below: 0.55}`"
# One key on line 3; here `...` stands for the folder of the recipe.
KEYS = [
    ("extends: 3", 10, NAME_ONE_RECIPE, "`3` (a whole number)", "a path", None),
    ("extends: [a]", 10, NAME_ONE_RECIPE, "a list of 1", "a path", None),
    ("extends: none/r.yaml", 10, NOT_THERE, ".../none/r.yaml", None, None),
    ("extends: parnt.yaml", 10, NOT_THERE, ".../parnt.yaml", None, "did you mean `parent.yaml`?"),
    ("extends: sub/bse.yml", 10, NOT_THERE, ".../sub/bse.yml", None,
     "did you mean `sub/base.yaml`?"),
    ("vars: [1]", 7, "`vars` is a mapping", "a list of 1", "name: value", None),
    ("expect: 3", 9, "`expect` is a mapping", "`3` (a whole number)", BOUNDS, None),
    ("plugins: a", 10, "`plugins` is a list", "`a` (a string)", FILES, None),
    ("plugins: [a, 3]", 10, "`plugins` is a list", "a list of 2", FILES, None),
    ("about: 3", 8, "`about` is a text", "`3` (a whole number)", "a string", None),
    ("about: '  '", 8, "`about` is a text", "`  ` (a string)", "a string", None),
    ("seed: 9223372036854775808", 7, "`seed` does not fit",
     "`9223372036854775808` (a whole number)", SEEDS, None),
    ("seed: 1.0", 7, "`seed` does not fit", "`1.0` (a number)", SEEDS, None),
    ("seed: true", 7, "`seed` does not fit", "`true` (true or false)", SEEDS, None),
    ("seed:", 6, "`seed` does not fit", "nothing (null)", SEEDS, None),
    ("dtype: float", 8, "`dtype` is not known", "`float` (a string)", DTYPES,
     "did you mean `float32`?"),
    ("dtype: double", 8, "`dtype` is not known", "`double` (a string)", DTYPES,
     "did you mean `float64`?"),
    ("dtype: half", 8, "`dtype` is not known", "`half` (a string)", DTYPES,
     "did you mean `float16`?"),
    ("dtype: torch.bfloat16", 8, "`dtype` is not known", "`torch.bfloat16` (a string)", DTYPES,
     "did you mean `bfloat16`?"),
    ("dtype: 32", 8, "`dtype` is not known", "`32` (a whole number)", DTYPES, None),
    ("device: GPU", 9, "`device` is not known", "`GPU` (a string)", DEVICES,
     "did you mean `cuda`?"),
    ("device: metal", 9, "`device` is not known", "`metal` (a string)", DEVICES,
     "did you mean `mps`?"),
    ("device: cuda:1234", 9, "`device` is not known", "`cuda:1234` (a string)", DEVICES,
     "did you mean `cuda`?"),
    ("device: tape", 9, "`device` is not known", "`tape` (a string)", DEVICES, None),
    ("device: 3", 9, "`device` is not known", "`3` (a whole number)", DEVICES, None),
    ("needs: [cuda, no cdua]", 15, "`needs` is not known", "`no cdua` (a string)", KINDS,
     "did you mean `cuda`?"),
    ("needs: [[cuda]]", 9, "`needs` is not known", "a list of 1", KINDS, None),
    ("---\nrecipe: s", 1, "a recipe file has one document; a second one begins here", None, None,
     "give each recipe a file of its own"),
    ("[1]: 2", 1, "a key must be a string, not a list or mapping", None, None, None),
    ("1: 2", 1, "a key must be a string", "`1`", None, "put it in quotes: '1'"),
    ("<<: {a: 1}", 1, "merge keys are not part of YAML 1.2", "`<<`", None, MERGE_HINT),
    ("vars: &x [*x]", 11, ANCHOR, None, "`&x` on a finished node above this line", None),
    ("seed: " + "9" * 401, 7, "a number of 401 characters: no number of a recipe is that long",
     None, None, None),
    ("about: {" + "a" * 70 + ": 1}", 8, "`about` is a text",
     "a mapping with " + "a" * 65, "a string", None),
    ("seed: " + "a" * 60, 7, "`seed` does not fit", f"`{'a' * 60}` (a string)", SEEDS, None),
    ("seed: " + "a" * 61, 7, "`seed` does not fit", f"`{'a' * 57}...` (a string)", SEEDS, None),
]  # fmt: skip


def told(text: str, folder: Path) -> Parts:
    """The one problem of a recipe."""
    path = folder / "r.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    (problem,) = caught.value.problems
    return parts(problem, folder)


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: repr(case[0]))
def test_a_recipe_that_is_none(case, tmp_path: Path) -> None:
    assert told(case[0], tmp_path) == case[1:]


@pytest.mark.parametrize("case", STEPS, ids=lambda case: repr(case[0]))
def test_a_step_that_is_none(case, tmp_path: Path) -> None:
    assert told(f"recipe: r\nsteps:\n  - {case[0]}\n", tmp_path) == case[1:]


@pytest.mark.parametrize("case", KEYS, ids=lambda case: repr(case[0][:20]))
def test_a_key_with_a_value_that_does_not_fit(case, tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text("recipe: p\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/base.yaml").write_text("recipe: p\n")
    text, column, *rest = case
    found = told(f"recipe: r\nsteps: [a]\n{text}\n", tmp_path)
    assert found == ((3, column), *rest)


def test_a_recipe_that_extends_an_empty_one_has_that_problem(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text("")
    place, message, *_ = told("recipe: r\nextends: parent.yaml\nsteps: [a]\n", tmp_path)
    assert (place, message) == (None, "parent.yaml: the recipe is empty")


def test_a_file_of_nearly_the_name_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net4.yaml").write_text("")
    hints = []
    for folder in (tmp_path, tmp_path.parent):
        monkeypatch.chdir(folder)
        with pytest.raises(RecipeError) as caught:
            load_recipe(tmp_path / "nett4.yaml")
        hints.append(caught.value.problems[0].hint)
    assert hints == [
        "did you mean `net4.yaml`?",
        f"did you mean `net4.yaml`? (in {tmp_path.name})",
    ]


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.yaml").write_text("")
    (tmp_path / "latin.yaml").write_bytes(b"recipe: r\nabout: na\xefve\n")
    (tmp_path / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    known = {
        "folder": ("folder is a folder, and a recipe is a file", "it contains: folder/a.yaml"),
        "none.yaml": ("none.yaml: No such file or directory", None),
        "latin.yaml": ("latin.yaml:2:10: not UTF-8 text (byte 0xef)", "save the file as UTF-8"),
        "large.yaml": (
            "large.yaml: a recipe is at most 1 MiB, and this file is larger",
            "move data into a file of its own",
        ),
    }
    for name, said in known.items():
        with pytest.raises(RecipeError) as caught:
            load_recipe(tmp_path / name)
        (problem,) = caught.value.problems
        assert (problem.message, problem.hint) == said


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    text = "recipe: r\nsteps: [a]\n#"
    (tmp_path / "r.yaml").write_text(text + "x" * (2**20 - len(text)))
    assert load_recipe(tmp_path / "r.yaml").name == "r"
