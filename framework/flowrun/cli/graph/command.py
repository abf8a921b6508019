"""`flowrun graph`: the flow of a recipe as Mermaid, DOT or SVG, with shapes on the edges."""

from __future__ import annotations

from pathlib import Path

import click

from flowrun.checking.check import check_plan
from flowrun.checking.checked import Checked
from flowrun.cli.completing import FILE
from flowrun.cli.graph.dot import dot_text
from flowrun.cli.graph.flow import Flow, flow_of
from flowrun.cli.graph.mermaid import MOST_CHARACTERS, MOST_EDGES, is_too_large, mermaid_text
from flowrun.cli.graph.svg import svg_text
from flowrun.cli.printing import echo
from flowrun.cli.recipe_options import planned, recipe_options
from flowrun.errors import FlowrunError, error_line
from flowrun.errors.escaping import on_one_line
from flowrun.planning.plan import Plan
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import RecipeOptions
from flowrun.store.files import write_text

_SUFFIXES = {"mermaid": (".mmd", ".mermaid"), "dot": (".dot", ".gv"), "svg": (".svg",)}


@click.command("graph")
@click.argument("recipe", metavar="RECIPE", type=FILE)
@recipe_options
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(_SUFFIXES)),
    help="By default from the suffix of FILE: .mmd, .dot or .svg; without a FILE, mermaid.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to this file, in place of standard output.",
)
@click.option("--no-shapes", is_flag=True, help="Draw from the plan alone, without a check.")
@click.pass_obj
def graph_command(
    registry: Registry,
    /,
    recipe: str,
    options: RecipeOptions,
    form: str | None,
    out: Path | None,
    no_shapes: bool,
) -> None:
    """Draw the flow of RECIPE: its steps, and the values between them with their shapes.

    Shapes come from a check as `flowrun check` makes it; steps that fail in it are marked. SVG
    needs Graphviz: `pip install 'flowrun-recipes[graph]'`. Exit code: 0 drawn, 2 a bad recipe.
    """
    form = form or _format_of(out)
    plan = planned(registry, recipe, options)
    checked = None if no_shapes else _checked(plan, standin=options.standin)
    flow = flow_of(plan, checked)
    text = _drawn(flow, form)
    if out is None:
        click.echo(text, nl=False)
    else:
        try:
            write_text(out, text)
        except OSError as error:
            raise FlowrunError(f"cannot write {out}: {error.strerror}") from None
        echo(f"wrote {on_one_line(str(out))}")
    if checked is not None and checked.errors:
        _show_errors(checked, recipe)


def _format_of(out: Path | None) -> str:
    if out is None:
        return "mermaid"
    for form, suffixes in _SUFFIXES.items():
        if out.suffix.lower() in suffixes:
            return form
    known = "; ".join(f"{' or '.join(suffixes)} for {form}" for form, suffixes in _SUFFIXES.items())
    raise click.UsageError(f"`{out.name}` has the suffix of no format: {known}. Give `--format`.")


def _checked(plan: Plan, *, standin: bool) -> Checked | None:
    """The check that shapes come from; None, with a message, if it cannot be made."""
    try:
        return check_plan(plan, standin=standin)
    except Exception as error:  # of a plugin's mode: the flow can be drawn without it
        echo(f"note: drawn without shapes: {error_line(error)}", err=True)
        return None


def _drawn(flow: Flow, form: str) -> str:
    if form == "dot":
        return dot_text(flow)
    if form == "svg":
        return svg_text(flow)
    text = mermaid_text(flow)
    if is_too_large(text, flow):
        echo(
            f"note: Mermaid draws {MOST_EDGES} edges and {MOST_CHARACTERS} characters, and this is "
            "more: raise its `maxEdges` and `maxTextSize`, or take `--format svg`",
            err=True,
        )
    return text


def _show_errors(checked: Checked, recipe: str) -> None:
    for problem in checked.errors:
        where = "" if problem.mark is None else f"{problem.mark}: "
        echo(f"{click.style('error', fg='red')}: {where}{on_one_line(problem.message)}", err=True)
    echo(f"drawn all the same; `flowrun check {on_one_line(recipe)}` says more", err=True)
