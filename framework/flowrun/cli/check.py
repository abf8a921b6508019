"""`flowrun check`: finds the errors of recipes before they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowrun.checking.check import check_plan
from flowrun.checking.checked import Checked
from flowrun.cli.check_reports import flow_text, show_findings
from flowrun.cli.completing import FILE
from flowrun.cli.document_output import document_text
from flowrun.cli.printing import echo
from flowrun.cli.recipe_options import planned, recipe_options
from flowrun.cli.reports import notes_text
from flowrun.errors import PluginError, RecipeError
from flowrun.planning.plan import Plan
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import RecipeOptions
from flowrun.values.sizes import parse_size

OK, WRONG = 0, 2


class _Size(click.ParamType):  # type: ignore[type-arg]  # generic in some versions of click only
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("check")
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...", type=FILE)
@recipe_options
@click.option(
    "--memory",
    type=_Size(),
    metavar="SIZE",
    help="The memory of the recipe's device (8GiB), in place of this machine's.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only the problems, and not the flow.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_obj
def check_command(
    registry: Registry,
    /,
    recipes: tuple[str, ...],
    options: RecipeOptions,
    memory: int | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Find the errors of recipes before they run: every shape, dtype and device.

    Each step's own code runs on tensors that have shape, dtype and device, and no data. The device
    need not be there. Exit code: 0 nothing is wrong, 2 something is.
    """
    promised: dict[Path, dict[str, Any]] = {}
    documents: list[dict[str, Any]] = []
    code = OK
    for recipe in recipes:
        try:
            plan = planned(registry, recipe, options)
            checked = check_plan(plan, standin=options.standin, memory=memory, promised=promised)
        except (RecipeError, PluginError) as error:
            code = WRONG
            documents.append(_refused(recipe, error))
            if not as_json:
                echo(error.report, err=True)
            continue
        code = max(code, OK if checked.ok else WRONG)
        documents.append(checked.as_dict())
        if not as_json:
            _show(checked, plan, quiet=quiet)
    if as_json:
        document = documents[0] if len(documents) == 1 else documents
        click.echo(document_text(document))
    return code


def _show(checked: Checked, plan: Plan, *, quiet: bool) -> None:
    if not quiet:
        echo(notes_text(plan), err=True, nl=False)
        echo(flow_text(checked))
    show_findings(
        f"{finding.severity}: {finding}"
        for finding in checked.findings
        if not quiet or finding.severity != "unknown"
    )
    if checked.errors and not quiet:
        count = len(checked.errors)
        echo("1 error" if count == 1 else f"{count} errors", err=True)


def _refused(recipe: str, error: RecipeError | PluginError) -> dict[str, Any]:
    """The document of a recipe that cannot be planned."""
    problems = error.problems if isinstance(error, RecipeError) else ()
    found = [{"kind": "error", "step": None, **problem.as_dict()} for problem in problems]
    found = found or [{"kind": "error", "step": None, "message": str(error)}]
    return {"recipe": recipe, "ok": False, "findings": found}
