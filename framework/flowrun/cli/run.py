"""`flowrun RECIPE...`: plan and run recipes, and show their results."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import click
import msgspec

from flowrun.api import open_store, run_in_store
from flowrun.checking.rule import is_worth_checking
from flowrun.cli.memo_writer import forget_notes, write_note
from flowrun.cli.recipe_options import planned, recipe_options
from flowrun.cli.reports import Lines, RunSummary, warning_text
from flowrun.errors import DeviceError, FlowrunError, PluginError, RecipeError, StepError
from flowrun.planning.plan import Plan
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import RecipeOptions
from flowrun.running.checkpoints import Interrupted
from flowrun.store.store import Store

OK, UNMET, BAD_RECIPE, STEP_FAILED = 0, 1, 2, 3


@click.command("run")
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@recipe_options
@click.option(
    "--fresh",
    is_flag=True,
    help="Call every step, even those with stored results; ignore checkpoints.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Call every step, compare with the kept results, and report and replace wrong ones.",
)
@click.option(
    "--check/--no-check",
    default=None,
    help="Check each recipe before it runs; by default if the run is likely to take longer.",
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
    **arguments: Any,
) -> int:
    """Run recipes, one after the other.

    Exit code: 0 all well, 1 an expectation not met or a kept result wrong, 2 a bad recipe or
    usage, 3 a step failed, 130 interrupted. Of several recipes, the highest of their codes.
    """
    runner = _Runner(registry, as_json=as_json, **arguments)
    if not as_json:
        codes = [runner.run(recipe) for recipe in recipes]
        runner.show_table()
        runner.leave_note(max(codes))
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


class _Runner(msgspec.Struct):
    """Runs recipes with the settings of one command, and shows or collects their results."""

    registry: Registry
    options: RecipeOptions
    fresh: bool
    verify: bool
    check: bool | None
    quiet: bool
    as_json: bool
    show_traceback: bool
    documents: list[dict[str, Any]] = []
    summaries: list[RunSummary] = []
    complaints: list[str] = []
    lines: Lines = msgspec.field(default_factory=Lines)
    warned: set[str] = set()

    def run(self, recipe: str) -> int:
        """Plan and run one recipe; gives its exit code."""
        summary = RunSummary(recipe)
        self.summaries.append(summary)
        code = BAD_RECIPE
        try:
            plan = planned(self.registry, recipe, self.options)
            summary.recipe = plan.recipe.name
            store = open_store(self._warn)
            try:
                if not self._fits(recipe, plan, store, summary):
                    return code
                listeners = [summary] if self.quiet or self.as_json else [summary, self.lines]
                result = run_in_store(
                    plan,
                    store,
                    listeners,
                    self._warn,
                    standin=self.options.standin,
                    fresh=self.fresh,
                    verify=self.verify,
                )
            finally:
                store.close()
            code = OK if result.ok and self._is_true(summary) else UNMET
            if self.quiet and not self.as_json:
                click.echo(_what_matters(summary, self.warned), err=True, nl=False)
                self.warned |= set(summary.run.warnings if summary.run is not None else ())
        except KeyboardInterrupt as error:
            said = None if summary.run is None else summary.run.error
            click.echo(said or "interrupted", err=True)
            number = error.signal if isinstance(error, Interrupted) else signal.SIGINT
            raise click.exceptions.Exit(128 + number) from None
        except StepError as error:
            code = STEP_FAILED
            self._show(error)
        except RecipeError as error:
            problems = [problem.as_dict() for problem in error.problems]
            self._refuse(summary, error, problems)
        except (PluginError, DeviceError) as error:
            self._refuse(summary, error, [{"message": str(error)}])
        finally:
            if summary.run is not None and summary.run.record is not None:
                self.documents.append(summary.run.record.as_dict())
        return code

    def _is_true(self, summary: RunSummary) -> bool:
        """Whether every kept result equals that of a call; reports those that do not."""
        run = summary.run
        if not self.verify or run is None:
            return True
        for text in run.wrong:
            self._warn(text)
        if not self.quiet and not self.as_json:
            click.echo(f"  {run.verified} kept results compared, {len(run.wrong)} wrong")
        return not run.wrong

    def _fits(self, recipe: str, plan: Plan, store: Store, summary: RunSummary) -> bool:
        """Whether no check is called for, or one finds nothing that the run would fail with."""
        wanted = self.check
        if wanted is None:
            wanted = is_worth_checking(
                plan, store, standin=self.options.standin, fresh=self.fresh or self.verify
            )
        if not wanted:
            return True
        from flowrun.cli.checking_first import check_first  # most runs are not checked first

        errors = check_first(
            recipe,
            options=self.options,
            show=not self.as_json,
            warn=self._warn,
        )
        if errors:
            self._say_refused(summary, errors, "`--no-check` runs it all the same")
        return not errors

    def leave_note(self, code: int) -> None:
        """Leave a note by which the same command is answered if nothing changes meanwhile."""
        run = self.summaries[0].run
        if self.fresh or self.verify or (run is not None and run.departures):
            forget_notes()  # they may describe outputs of other steps than this run's
        elif len(self.summaries) == 1 and run is not None and not self.complaints:
            errors = _what_matters(self.summaries[0]) if self.quiet else ""
            write_note(run, sys.argv[1:], code, quiet=self.quiet, errors=errors)

    def _warn(self, text: str) -> None:
        self.complaints.append(text)
        click.echo(f"warning: {text}", err=True)

    def show_table(self) -> None:
        """After several recipes: one line for each, with its result."""
        if len(self.summaries) > 1 and not self.quiet:
            click.echo()
            width = max(len(summary.recipe) for summary in self.summaries)
            runs = [summary.run for summary in self.summaries]
            with_sections = any(run is not None and run.plan.recipe.section for run in runs)
            for summary in self.summaries:
                click.echo(summary.line(width, with_sections))

    def _refuse(
        self, summary: RunSummary, error: FlowrunError, problems: list[dict[str, Any]]
    ) -> None:
        if not self.as_json:
            click.echo(f"{error}", err=True)
        self._say_refused(summary, problems)

    def _say_refused(
        self, summary: RunSummary, problems: list[dict[str, Any]], hint: str = ""
    ) -> None:
        self.documents.append({"recipe": summary.recipe, "status": "refused", "errors": problems})
        if not self.as_json:
            count = len(problems)
            counted = "1 problem" if count == 1 else f"{count} problems"
            more = f" ({hint})" if hint else ""
            click.echo(f"{counted}; nothing was run{more}", err=True)

    def _show(self, error: StepError) -> None:
        if self.show_traceback and error.__cause__ is not None:
            import traceback

            traceback.print_exception(error.__cause__)
        if not self.as_json or self.show_traceback:
            click.echo(f"{error}", err=True)
        if not self.show_traceback:
            click.echo("    --traceback shows where in the code", err=True)


def _what_matters(summary: RunSummary, warned: Container[str] = ()) -> str:
    """The output of `--quiet`: warnings, and expectations that are not met.

    warned: the warnings that were shown before.
    """
    run, name = summary.run, summary.recipe
    if run is None:
        return ""
    lines = [f"{name}: warning: {warning_text(text, warned)}" for text in run.warnings]
    lines += [
        f"{name}: expected {outcome.path} {outcome.wanted}, found {outcome.found}"
        for outcome in run.outcomes
        if not outcome.met
    ]
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def _stdout_kept() -> Iterator[BinaryIO]:
    """Standard output for one document alone: the output of steps goes to standard error.

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
