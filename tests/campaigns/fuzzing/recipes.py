"""Recipes: the text of one, and of another that it may extend as `base.yaml`; read, or planned."""

from __future__ import annotations

import math
from pathlib import Path

from flowrun import RecipeError
from flowrun.api import new_registry
from flowrun.errors import Problem, Source
from flowrun.planning.plan import make_plan
from flowrun.recipes.json_texts import as_json
from flowrun.recipes.reading import parse, plain
from flowrun.recipes.recipe import Recipe, read_recipe
from tests.campaigns.fuzzing.target import Target, as_text

BETWEEN = "\n%%%\n"  # the recipe and its parent
ENVIRONMENT = {"SET": "0.5", "EMPTY": ""}

SMALL = "recipe: r\nsteps:\n  - tensor: {a: [1.5, 2]}\n  - compute: {b: a * 2}\n"
LINEAR = """\
recipe: linear
about: A line through points.
seed: 3
device: cpu
dtype: float32
vars: {rate: 0.1, steps: 20, shape: [10, 2], name: "a ${rate} b"}
tags: [quick]
steps:
  - random: {X: {randn: [10, 2]}, y: {randn: [10, 1]}}
  - init_params: {layers: [1]}
    inputs: {X_train: X, y_train: y}
  - gd_train: {lr: "${rate}", steps: "${steps}"}
    id: train
    inputs: {X_train: X, y_train: y}
  - show: [losses]
expect:
  losses[-1]: {below: 1e9, finite: true}
  params.W1: {shape: [2, 1]}
"""
CHILD = """\
extends: base.yaml
vars: {rate: 0.2}
remove: [show]
steps:
  - tensor: {a: 0x1F}
    before: compute
  - compute: {c: a ** 2}
    after: tensor
expect: {c: 3}
"""
ODD = """\
recipe: &name odd
vars: {a: &x [1, 0o17, .5, -.inf, ~, "${env:SET}", '${env:UNSET:-1}'], b: *x, c: "${a[0]}"}
needs: [cpu]
plugins: []
steps: [tensor: {a: "${b}"}, "compute"]
expect: {a: {equals: [1, 2], rtol: 1e-3}, "b": {matches: "a+$"}, c: golden, d: {error: "no"}}
"""
SEEDS = [
    *(text.encode() for text in (SMALL, LINEAR, ODD, CHILD + BETWEEN + SMALL)),
    b"recipe: r\nsteps: [load: {source: t.csv}]\n# \xe2\x80\xa8 \xc2\x85 end",
]
TOKENS = (
    "recipe:", "steps:", "extends: base.yaml", "vars:", "expect:", "remove:", "plugins:", "needs:",
    "tags:", "about:", "seed:", "device:", "dtype:", "after:", "before:", "id:", "inputs:",
    "outputs:", "cache:", "${", "}", "$${", "${env:", ":-", "*x", "&x", "!!", "<<:", "- ", ": ",
    "[", "]", "{", "}", "|\n", ">\n", "%%%", "0x", "0o", ".inf", ".nan", "~", "golden", "below:",
    "above:", "equals:", "shape:", "finite:", "matches:", "seeds:", "error:", "compute:", "tensor:",
    "load:", "split:", "gd_train:", "random:", "minimize:", "grad:", "show:", "\u2028", "\x85",
)  # fmt: skip


def read(data: bytes, folder: Path) -> Recipe:
    """The recipe of an input; raises RecipeError, whose problems all have a place in the text."""
    own, _, parent = as_text(data).partition(BETWEEN)
    (folder / "base.yaml").write_bytes(parent.encode())
    source = Source("r.yaml", own, folder / "r.yaml")
    problems: list[Problem] = []
    recipe = read_recipe(source, (), problems, environment=ENVIRONMENT)
    require_places(problems)
    if recipe is None or problems:
        raise RecipeError(problems)
    return recipe


def require_places(problems: list[Problem]) -> None:
    """Each problem is said, and stands at a place that its text has, or names the file."""
    for problem in problems:
        assert str(problem).strip()
        if problem.mark is None:
            assert ".yaml" in problem.message, problem
            continue
        source, line, column = problem.mark.source, problem.mark.line, problem.mark.column
        lines = source.text.splitlines() or [""]
        assert 0 <= line <= len(lines), f"line {line} of {len(lines)}: {problem}"
        length = len(lines[line]) if line < len(lines) else 0
        assert 0 <= column <= length + 1, f"column {column} of {length}: {problem}"


def check_read(data: bytes, folder: Path) -> None:
    """What can be read says what it is, and is read again from the JSON of its values."""
    recipe = read(data, folder)
    assert recipe.steps
    assert 0 <= recipe.seed < 2**63
    for node in recipe.vars.values():
        value = plain(node)
        try:
            text = as_json(value)
        except ValueError:  # infinity and nan, which JSON lacks
            continue
        problems: list[Problem] = []
        again = parse(Source("json", text), problems)
        assert again is not None, problems
        assert _same(plain(again), value), (text, plain(again))


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return one == other


def check_planned(data: bytes, folder: Path) -> None:
    """A recipe without plugins is planned with the built-in steps, or refused."""
    recipe = read(data, folder)
    if recipe.plugins:  # they are code, which is trusted
        return
    try:
        planned = make_plan(recipe, registry=_REGISTRY)
    except RecipeError as error:
        require_places(list(error.problems))
        raise
    assert {step.id for step in planned.steps} <= {step.id for step in recipe.steps}


_REGISTRY = new_registry()

TARGETS = [
    Target(name="recipe", check=check_read, seeds=SEEDS, tokens=TOKENS),
    Target(name="plan", check=check_planned, seeds=SEEDS, tokens=TOKENS),
]
