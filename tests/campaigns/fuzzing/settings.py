"""`--set`: one setting a line, applied to a recipe in turn."""

from __future__ import annotations

from pathlib import Path

from flowrun import RecipeError
from flowrun.errors import Problem, Source
from flowrun.recipes.recipe import read_recipe
from tests.campaigns.fuzzing.recipes import LINEAR
from tests.campaigns.fuzzing.target import Target, as_text

SEPARATOR = "\x1f"  # a value may have lines of its own
SEEDS = [
    b"seed=7\x1fdevice=cpu\x1fdtype=float64",
    b"vars.rate=0.5\x1fvars.shape[1]=3\x1f+vars.new={a: [1, 2]}\x1f~vars.name",
    b'train.lr=1e-3\x1ftrain.steps="5"\x1finit_params.layers+=[4, 1]\x1finit_params.layers[0]=2',
    b"expect.losses[-1].below=3\x1f~expect.params.W1\x1f+expect.X.finite=true",
    b"train.cache=false\x1frandom.X.randn[0]=0x10\x1fabout=a: b\x1fabout='- x'",
    b"recipe=\x1f~steps\x1ftrain.id=x\x1ftrain=\x1f=\x1f+=\x1f~\x1f++a=1",
]
TOKENS = (
    "seed", "device", "dtype", "about", "vars.", "expect.", "train.", "init_params.layers", "[0]",
    "[-1]", "+=", "=", "~", "+", SEPARATOR, "{", "}", "[", "]", "${rate}", "!!", "'", '"', ": ",
)  # fmt: skip


def check(data: bytes, folder: Path) -> None:
    """Settings are applied, or refused with a place in them."""
    settings = as_text(data).split(SEPARATOR)
    problems: list[Problem] = []
    source = Source("r.yaml", LINEAR, folder / "r.yaml")
    recipe = read_recipe(source, settings, problems, environment={})
    for problem in problems:
        assert problem.mark is not None, problem
        text = problem.mark.source.text
        assert 0 <= problem.mark.column <= len(text) + 1, problem
    if recipe is None or problems:
        raise RecipeError(problems)
    assert recipe.name == "linear"


TARGETS = [Target(name="setting", check=check, seeds=SEEDS, tokens=TOKENS)]
