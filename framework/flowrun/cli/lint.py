"""`flowrun lint`: the steps of a plugin checked against the rules that recipes rely on."""

from __future__ import annotations

import click

from flowrun.cli.completing import FILE
from flowrun.cli.document_output import stdout_kept, write_document
from flowrun.cli.printing import echo, warn
from flowrun.errors import problems_text
from flowrun.plugins.registry import Registry
from flowrun.testing.steps.examination import RULES
from flowrun.testing.steps.linting import Linted, lint
from flowrun.testing.steps.plugin_steps import find_plugins

OK, BROKEN = 0, 1


@click.command("lint")
@click.argument("plugin", type=FILE)
@click.argument("recipes", nargs=-1, metavar="[RECIPE...]", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_obj
def lint_command(registry: Registry, plugin: str, recipes: tuple[str, ...], as_json: bool) -> int:
    """Check the steps of PLUGIN against the rules that recipes rely on.

    PLUGIN is a .py file, a folder, or the name of an installed plugin. Each step is called with
    inputs from a recipe: one of RECIPE, or of those beside the plugin. A step that no recipe uses,
    or that acts outside of the recipe, is checked only in part. Exit code: 0 if no rule is broken,
    1 if one is, 2 if the plugin or a recipe cannot be loaded.
    """
    registry = registry.copy()
    with stdout_kept() as out:  # the steps print what they like
        found = find_plugins(registry, plugin)
        linted = lint(registry, found, recipes, warn)
        is_ok = all(one.examination.ok for one in linted)
        if as_json:
            steps = [one.as_dict() for one in linted]
            write_document(out, {"ok": is_ok, "steps": steps})
    if not as_json:
        _show(linted)
    return OK if is_ok else BROKEN


def _show(linted: list[Linted]) -> None:
    width = max(len(one.examination.step) for one in linted)
    for one in linted:
        examined = one.examination
        held = f"{len(examined.held)} of {len(RULES)} rules held"
        part = "in part: " if one.recipe is None else ""
        count = len(examined.findings)
        broken = f", {count} finding{'s' if count != 1 else ''}" if count else ""
        by = f", as {one.recipe} uses it" if one.recipe is not None else ""
        echo(f"{examined.step:<{width}}  {part}{held}{broken}{by}")
        for why in dict.fromkeys(examined.unchecked.values()):
            rules = ", ".join(rule for rule in RULES if examined.unchecked.get(rule) == why)
            echo(f"{'':<{width}}  not tried: {rules}: {why}")
    findings = [finding for one in linted for finding in one.examination.findings]
    if findings:
        echo(f"\n{problems_text(findings)}", err=True)
