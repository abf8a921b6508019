"""The options that a plugin's command has in common with flowrun's own."""

from __future__ import annotations

import shlex

import click
import pytest
from click.testing import CliRunner

import flowrun
from flowrun import RecipeOptions
from flowrun.recipes.part import Part
from tests.conftest import Flowrun


@click.command()
@click.argument("recipe")
@flowrun.recipe_options
@click.option("--loud", is_flag=True)
def command(recipe: str, options: RecipeOptions, loud: bool) -> None:
    """Show what the command was given."""
    click.echo(repr((recipe, options, loud)))


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], RecipeOptions()),
        (["--no-standin"], RecipeOptions(standin=False)),
        (
            ["--set", "a.b=1", "--set", "seed=3", "-p", "x.py", "--device", "cpu", "--seed", "5"],
            RecipeOptions(set=("a.b=1", "seed=3"), plugins=("x.py",), device="cpu", seed=5),
        ),
        (["--from", "a", "--until", "b"], RecipeOptions(part=Part("a", "b"))),
        (
            ["--only", "a", "--skip", "b", "--skip", "c"],
            RecipeOptions(part=Part(only=("a",), skip=("b", "c"))),
        ),
    ],
)
def test_a_command_takes_them_as_one_value(arguments: list[str], options: RecipeOptions) -> None:
    for more in ([], ["--loud"]):
        done = CliRunner().invoke(command, ["r.yaml", *arguments, *more])
        assert done.output == f"{('r.yaml', options, bool(more))!r}\n"
    again = CliRunner().invoke(command, ["r.yaml", *options.arguments])
    assert again.output == f"{('r.yaml', options, False)!r}\n", "written out and read again"


def test_a_recipe_is_planned_with_them() -> None:
    steps = [{"tensor": {"values": [1.0]}}]
    options = RecipeOptions(seed=5, device="cpu")
    plan = flowrun.plan({"recipe": "r", "steps": steps}, **options.keywords)
    assert (plan.recipe.seed, plan.recipe.device) == (5, "cpu")


def test_the_options_are_listed_in_the_order_of_the_other_commands() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    names = ["--set", "--device", "--seed", "--show", "--from", "--until", "--only", "--skip"]
    names += ["-p, --plugin", "--no-standin", "--loud"]
    places = [shown.index(name) for name in names]
    assert places == sorted(places)


@pytest.mark.parametrize("arguments", [["a=1"], ["r.yaml", "a b.c=[1, 2]"]])
def test_a_setting_in_the_place_of_a_recipe_is_refused_with_what_was_meant(
    flowrun: Flowrun, arguments: list[str]
) -> None:
    for name in ("run", "check"):
        done = flowrun(name, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        last = shlex.quote(arguments[-1])
        assert f"to change the recipe, write `--set` before it: `--set {last}`" in done.stderr
    done = flowrun("graph", "r.yaml", "b.c=1")
    assert done.returncode == 2
    assert (
        "unexpected extra argument (b.c=1)\n    to change the recipe, write `--set`" in done.stderr
    )
