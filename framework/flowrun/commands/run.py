"""`flowrun RECIPE...`: plan and run recipes, and show what came of them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from flowrun.api import run_plan
from flowrun.commands.plugin_option import plugin_option
from flowrun.errors import DeviceError, FlowrunError, PluginError, RecipeError, StepError
from flowrun.planning import Plan, plan
from flowrun.plugins import Registry
from flowrun.problems import did_you_mean, shown_path
from flowrun.reports import Lines, RunSummary

OK, UNMET, BAD_RECIPE, STEP_FAILED = 0, 1, 2, 3


@click.command("run")
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change one value: gd_train.lr=0.1, vars.train_rows=500. May be repeated.",
)
@click.option("--device", help="auto, cpu, cuda, cuda:N, mps or xpu, in place of the recipe's.")
@click.option("--seed", type=int, help="The seed, in place of the recipe's.")
@plugin_option
@click.option(
    "--no-standin",
    is_flag=True,
    help="Fail where data cannot be had, instead of using the simulated stand-in.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but problems and warnings.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document (the run's record) and nothing else.",
)
@click.option(
    "--traceback",
    "show_traceback",
    is_flag=True,
    help="Show the Python traceback of a failed step.",
)
@click.pass_obj
def run_command(
    registry: Registry,
    /,
    recipes: tuple[str, ...],
    as_json: bool,
    no_standin: bool,
    **arguments: Any,
) -> int:
    """Run recipes, one after the other.

    Exit code: 0 all well, 1 an expectation not met, 2 a bad recipe or usage, 3 a step failed,
    130 interrupted. Of several recipes, the highest of their codes.
    """
    runner = _Runner(registry, standin=not no_standin, as_json=as_json, **arguments)
    if not as_json:
        codes = [runner.run(recipe) for recipe in recipes]
        runner.show_table()
        return max(codes)
    with _stdout_kept() as out:
        try:
            codes = [runner.run(recipe) for recipe in recipes]
        finally:
            document = (
                runner.documents[0]
                if len(recipes) == 1 and runner.documents
                else (runner.documents)
            )
            out.write(msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2))
            out.write(b"\n")
    return max(codes)


@dataclass
class _Runner:
    """Runs recipes with the settings of one command, and shows or collects what comes of them."""

    registry: Registry
    settings: tuple[str, ...]
    device: str | None
    seed: int | None
    plugins: tuple[str, ...]
    standin: bool
    quiet: bool
    as_json: bool
    show_traceback: bool
    documents: list[dict[str, Any]] = field(default_factory=list)
    summaries: list[RunSummary] = field(default_factory=list)

    def run(self, recipe: str) -> int:
        """Plan and run one recipe; gives its exit code."""
        summary = RunSummary(recipe)
        self.summaries.append(summary)
        code = BAD_RECIPE
        try:
            planned = self._plan(recipe)
            summary.recipe = planned.recipe.name
            listeners = [summary] if self.quiet or self.as_json else [summary, Lines()]
            result = run_plan(
                planned, standin=self.standin, listeners=listeners, complain=_complain
            )
            code = OK if result.ok else UNMET
            if self.quiet and not self.as_json:
                self._show_what_matters(summary)
        except StepError as error:
            code = STEP_FAILED
            self._show(error)
        except RecipeError as error:
            problems = [problem.as_dict() for problem in error.problems]
            self._refuse(summary, error, problems)
        except (PluginError, DeviceError) as error:
            self._refuse(summary, error, [{"message": str(error)}])
        finally:
            if summary.run is not None:
                self.documents.append(summary.run.record)
        return code

    def show_table(self) -> None:
        """After several recipes: one line for each, with its result."""
        if len(self.summaries) > 1 and not self.quiet:
            click.echo()
            width = max(len(summary.recipe) for summary in self.summaries)
            runs = [summary.run for summary in self.summaries]
            with_sections = any(run is not None and run.plan.recipe.section for run in runs)
            for summary in self.summaries:
                click.echo(summary.line(width, with_sections))

    def _plan(self, recipe: str) -> Plan:
        path = Path(recipe)
        if not path.exists():
            parent = click.get_current_context().parent
            commands = getattr(parent.command if parent else None, "commands", {})
            hint = did_you_mean(recipe, commands) or _recipe_hint(path)
            raise PluginError(f"there is no file `{recipe}`\n    {hint}")
        return plan(
            path,
            set=self.settings,
            device=self.device,
            seed=self.seed,
            plugins=self.plugins,
            registry=self.registry.copy(),
        )

    def _refuse(
        self, summary: RunSummary, error: FlowrunError, problems: list[dict[str, Any]]
    ) -> None:
        self.documents.append({"recipe": summary.recipe, "status": "refused", "errors": problems})
        if not self.as_json:
            click.echo(f"{error}", err=True)
            count = len(problems)
            what = "1 problem" if count == 1 else f"{count} problems"
            click.echo(f"{what}; nothing was run", err=True)

    def _show(self, error: StepError) -> None:
        if self.show_traceback and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        if not self.as_json or self.show_traceback:
            click.echo(f"{error}", err=True)
        if not self.show_traceback:
            click.echo("    --traceback shows where in the code", err=True)

    def _show_what_matters(self, summary: RunSummary) -> None:
        """What `--quiet` still prints: warnings, and expectations that are not met."""
        if summary.run is None:
            return
        for text in summary.run.warnings:
            click.echo(f"{summary.recipe}: warning: {text}", err=True)
        for outcome in summary.run.outcomes:
            if not outcome.met:
                click.echo(
                    f"{summary.recipe}: expected {outcome.path} {outcome.wanted}, "
                    f"found {outcome.found}",
                    err=True,
                )


def _recipe_hint(path: Path) -> str:
    """What to do about a recipe that is not there."""
    folder = path.parent if path.parent.is_dir() else Path()
    names = [found.name for found in sorted(folder.glob("*.y*ml"))]
    near = did_you_mean(path.name, names)
    if near is not None:
        return f"{near} (in {shown_path(folder)})" if folder != Path() else near
    return "`flowrun examples` lists recipes to start from"


def _complain(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


@contextmanager
def _stdout_kept() -> Iterator[BinaryIO]:
    """Standard output for one document alone: what steps print meanwhile goes to standard error.

    The file descriptor itself is redirected, so that subprocesses and C code are caught as well.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(kept, "wb", closefd=False) as out:
            yield out
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
