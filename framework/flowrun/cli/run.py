"""`flowrun RECIPE...`: plan and run recipes, and show their results."""

from __future__ import annotations

import errno
import signal
import sys
import time
from collections.abc import Container, Sequence
from typing import Any

import click
import msgspec

from flowrun.api import open_store, run_in_store
from flowrun.checking.outlines import outline_problems
from flowrun.checking.rule import seconds_for_check
from flowrun.cli.completing import FILE
from flowrun.cli.document_output import stdout_kept, write_document
from flowrun.cli.memo_writer import forget_notes, leave_note
from flowrun.cli.printing import OutputClosedError, echo, warn
from flowrun.cli.recipe_options import planned, recipe_options, refuse_command
from flowrun.cli.reports import Lines, RunSummary, is_said, notes_text, warning_text
from flowrun.cli.waiting import waiting
from flowrun.errors import DeviceError, PluginError, RecipeError, StepError, problems_text
from flowrun.errors.escaping import below, in_lines, on_one_line
from flowrun.planning.plan import Plan
from flowrun.plugins.import_times import imports_watched
from flowrun.plugins.registry import Registry
from flowrun.recipes.overrides import RecipeOptions
from flowrun.running.checkpoints import Interrupted
from flowrun.store.memo import command_start
from flowrun.store.store import Store

OK, UNMET, BAD_RECIPE, STEP_FAILED = 0, 1, 2, 3
_RUN_ANYWAY = "use `--no-check` to run it anyway"


@click.command("run")
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...", type=FILE)
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
    help="Check each recipe before it runs; by default if that costs at most a tenth of the run's "
    "likely time. --no-check also turns off the look at files' names and headers.",
)
@click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but problems, warnings, and --show."
)
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
    usage, or a mistake found before the first step, 3 a step failed, 130 interrupted. Of several
    recipes, the highest of their codes.
    """
    refuse_command(recipes)
    runner = _Runner(registry, as_json=as_json, **arguments)
    if not as_json:
        codes = runner.run_all(recipes)
        runner.show_table()
        runner.leave_note(max(codes))
        return max(codes)
    with stdout_kept() as out:
        try:
            codes = runner.run_all(recipes)
        finally:
            document = (
                runner.documents[0]
                if len(recipes) == 1 and runner.documents
                else (runner.documents)
            )
            write_document(out, document)
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
    begun: float = msgspec.field(default_factory=command_start)

    def run_all(self, recipes: Sequence[str]) -> list[int]:
        """Plan and run recipes one after the other; gives their exit codes.

        The seconds of a run count from the start of the command, or from the end of the run before.
        """
        codes = []
        waiting.is_off = self.quiet or self.as_json
        with imports_watched(lambda _: None, self.lines.imported):
            for recipe in recipes:
                codes.append(self.run(recipe))
                self.begun = time.perf_counter()
        return codes

    def run(self, recipe: str) -> int:
        """Plan and run one recipe; gives its exit code."""
        summary = RunSummary(recipe)
        self.summaries.append(summary)
        code = BAD_RECIPE
        try:
            plan = planned(self.registry, recipe, self.options)
            summary.recipe = plan.recipe.name
            if not self.quiet and not self.as_json:
                echo(notes_text(plan), err=True, nl=False)
            if self.check is None and self._is_certain_to_fail(plan, summary):
                return code
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
                    begun=self.begun,
                )
            finally:
                store.close()
            code = OK if result.ok and self._is_true(summary) else UNMET
            if self.quiet and not self.as_json:
                click.echo(self._shown(summary), nl=False)
                echo(_what_matters(summary, self.warned), err=True, nl=False)
                self.warned |= set(summary.run.warnings if summary.run is not None else ())
        except OutputClosedError:
            raise BrokenPipeError(errno.EPIPE, "nobody reads the lines of the run") from None
        except KeyboardInterrupt as error:
            said = None if summary.run is None else summary.run.error
            echo(said or "interrupted before the first step", err=True)
            number = error.signal if isinstance(error, Interrupted) else signal.SIGINT
            raise click.exceptions.Exit(128 + number) from None
        except StepError as error:
            code = STEP_FAILED
            self._show(error)
        except RecipeError as error:
            problems = [problem.as_dict() for problem in error.problems]
            self._refuse(summary, error.report, problems)
        except (PluginError, DeviceError) as error:
            self._refuse(summary, error.report, [{"message": str(error)}])
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
            echo(f"  {run.verified} kept results compared, {len(run.wrong)} wrong")
        return not run.wrong

    def _is_certain_to_fail(self, plan: Plan, summary: RunSummary) -> bool:
        """Whether names, headers and counts of rows show that a step would fail; says so."""
        problems = outline_problems(plan, standin=self.options.standin)
        if problems:
            text = problems_text(problems)
            self._refuse(summary, text, [one.as_dict() for one in problems], _RUN_ANYWAY)
        return bool(problems)

    def _fits(self, recipe: str, plan: Plan, store: Store, summary: RunSummary) -> bool:
        """Whether no check is called for, or one finds nothing that the run would fail with."""
        if self.check is False:
            return True
        most_seconds = None
        if self.check is None:
            most_seconds = seconds_for_check(
                plan, store, standin=self.options.standin, fresh=self.fresh or self.verify
            )
            if most_seconds == 0.0:
                return True
        from flowrun.cli.checking_first import check_first  # most runs are not checked first

        found = check_first(
            recipe,
            options=self.options,
            most_seconds=most_seconds,
            show=not self.as_json,
            warn=self._warn,
        )
        if found.errors:
            hint = f"the check took {found.seconds:.1f} s; {_RUN_ANYWAY}"
            self._say_refused(summary, found.errors, hint)
            return False
        self.lines.add("checking", found.text, found.seconds)
        return True

    def leave_note(self, code: int) -> None:
        """Leave a note by which the same command is answered if nothing changes meanwhile."""
        run = self.summaries[0].run
        if self.options.is_drawn:
            return  # the next one draws another seed
        if self.fresh or self.verify or (run is not None and run.departures):
            forget_notes()  # they may describe outputs of other steps than this run's
        elif len(self.summaries) == 1 and run is not None and not self.complaints:
            errors = _what_matters(self.summaries[0]) if self.quiet else notes_text(run.plan)
            out = self._shown(self.summaries[0]) if self.quiet else None
            leave_note(run, sys.argv[1:], code, out=out, errors=errors)

    def _shown(self, summary: RunSummary) -> str:
        """The values that `--show` asks for, as the last step has printed them."""
        if not self.options.show or summary.run is None or not summary.run.steps:
            return ""
        return "".join(f"{in_lines(one.text)}\n" for one in summary.run.steps[-1].messages)

    def _warn(self, text: str) -> None:
        self.complaints.append(text)
        waiting.end()
        warn(text)

    def show_table(self) -> None:
        """After several recipes: one line for each, with its result."""
        if len(self.summaries) > 1 and not self.quiet:
            echo()
            width = max(len(summary.shown_name) for summary in self.summaries)
            runs = [summary.run for summary in self.summaries]
            with_sections = any(run is not None and run.plan.recipe.section for run in runs)
            for summary in self.summaries:
                echo(summary.line(width, with_sections))

    def _refuse(
        self, summary: RunSummary, text: str, problems: list[dict[str, Any]], hint: str = ""
    ) -> None:
        if not self.as_json:
            echo(text, err=True)
        self._say_refused(summary, problems, hint)

    def _say_refused(
        self, summary: RunSummary, problems: list[dict[str, Any]], hint: str = ""
    ) -> None:
        self.documents.append({"recipe": summary.recipe, "status": "refused", "errors": problems})
        if not self.as_json:
            count = len(problems)
            counted = "1 problem" if count == 1 else f"{count} problems"
            more = f" ({hint})" if hint else ""
            echo(f"{counted}; nothing was run{more}", err=True)

    def _show(self, error: StepError) -> None:
        if self.show_traceback and error.__cause__ is not None:
            import traceback

            text = "".join(traceback.format_exception(error.__cause__))
            echo(in_lines(text), err=True, nl=False)
        if not self.as_json or self.show_traceback:
            echo(error.report, err=True)
        if not self.show_traceback:
            echo("    --traceback shows where in the code", err=True)


def _what_matters(summary: RunSummary, warned: Container[str] = ()) -> str:
    """The output of `--quiet`: warnings, and expectations that are not met.

    warned: the warnings that were shown before.
    """
    run, name = summary.run, summary.shown_name
    if run is None:
        return ""
    lines = [
        f"{name}: warning: {below(warning_text(text, warned))}"
        for text in run.warnings
        if not is_said(text, warned)
    ]
    lines += [
        on_one_line(f"{name}: expected {outcome.path} {outcome.wanted}, found {outcome.found}")
        for outcome in run.outcomes
        if not outcome.met
    ]
    return "".join(f"{line}\n" for line in lines)
