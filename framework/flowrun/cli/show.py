"""`flowrun show`: one run in full, from its record."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import msgspec

from flowrun.cli.completing import complete_run, complete_value
from flowrun.cli.document_output import document_text
from flowrun.cli.plugin_option import plugin_option
from flowrun.cli.printing import echo
from flowrun.errors import shortened, shown_path
from flowrun.errors.escaping import below, command_line, in_lines, on_one_line
from flowrun.expectations.check import CheckResult
from flowrun.history.events import follow_events
from flowrun.history.finding import find_run, is_elsewhere
from flowrun.recipes.part import left_out_lines, part_lines
from flowrun.running.record import RunRecord, StepRun, local_time, short_digest
from flowrun.store.home import runs_folder
from flowrun.store.run_index import RECORD, UNFINISHED
from flowrun.store.seals import without_seal
from flowrun.values.codecs import Codecs, number_text
from flowrun.values.files import read_bytes
from flowrun.values.metrics import flat
from flowrun.values.views import title_line

_COLORS = {"ok": "green", "skipped": "green", "running": "yellow"}
_SHOWN = 60  # characters of a variable's value
_NAME_WIDTH = 14
_INDENT = " " * (_NAME_WIDTH + 2)

_MOST_FILES = 20  # lines of each kind


@click.command("show")
@click.argument("run", metavar="RUN", shell_complete=complete_run)
@click.argument("values", nargs=-1, metavar="[VALUE]...", shell_complete=complete_value)
@click.option("--json", "as_json", is_flag=True, help="Print the run's record, `run.json`.")
@plugin_option
def show_command(
    run: str, values: tuple[str, ...], as_json: bool, plugins: tuple[str, ...]
) -> None:
    """Show one run in full, or values of it.

    Steps, messages, expectations, metrics, files, environment. RUN is an id, an unambiguous
    beginning of one, `last`, or `last~1` for the one before. With VALUE, a name or an expression
    such as `params.W1.mean(0)`, these are printed instead, as torch prints them.
    """
    found = find_run(run)
    if values:
        if as_json:
            raise click.UsageError("--json prints the whole record; leave the values out")
        from flowrun.cli.values_of_run import values_of_run  # most need no plan

        click.echo("\n".join(map(in_lines, values_of_run(found, values, plugins))))
        return
    if as_json:
        content = without_seal(read_bytes(runs_folder() / found.id / RECORD))
        click.echo(document_text(msgspec.Raw(content.strip())))
        return
    if found.status in UNFINISHED:
        follow_events(found, runs_folder() / found.id)
    echo("\n".join(_lines(found)))


def _lines(run: RunRecord) -> Iterator[str]:
    yield title_line(click.style(on_one_line(run.recipe), bold=True), run.about)
    yield from _head(run)
    values = Codecs({}, run.dtype)
    for step in run.steps:
        yield from _step(run, step, values)
    missing = [step.id for step in run.plan[len(run.steps) :]]
    if missing and run.status != "skipped":
        yield _line("not reached", on_one_line(", ".join(missing)))
    for outcome in run.expectations:
        yield from _expectation(outcome)
    yield from (line.shown() for line in left_out_lines(run.part))
    metrics = [f"{path} {_figure(value)}" for path, value in flat(run.metrics)]
    if metrics:
        yield _line("metrics", on_one_line(", ".join(metrics)))
    yield from _files("read", [step.files_read for step in run.steps])
    yield from _looked_at([step.looked_at for step in run.steps])
    yield from _files("wrote", [step.files_written for step in run.steps])
    for step in run.steps:
        if step.unseen:
            unseen = f"`{step.id}` {' and '.join(step.unseen)}"
            yield _line("not seen", on_one_line(unseen))
    yield from _environment(run)


def _head(run: RunRecord) -> Iterator[str]:
    yield _line("run", on_one_line(run.id))
    if is_elsewhere(run):
        yield _line("made", "elsewhere, or with another key: nothing shown here is certain")
    if run.file is not None:
        yield _line("file", shown_path(Path(run.file)))
    yield _line("when", on_one_line(f"{local_time(run.started)}, {run.seconds:.2f} s"))
    color = _COLORS.get(run.status, "red")
    yield _line("result", click.style(on_one_line(run.status), fg=color) + _continued(run.error))
    about = f" ({run.environment.device})" if run.environment.device else ""
    yield _line("seed, device", on_one_line(f"{run.seed}, {run.device}{about}, {run.dtype}"))
    yield from (line.shown() for line in part_lines(run.part))
    if run.vars:
        shown = [f"{name} {_short(value)}" for name, value in run.vars.items()]
        yield _line("vars", on_one_line(", ".join(shown)))


def _step(run: RunRecord, step: StepRun, values: Codecs) -> Iterator[str]:
    """A step in the form of the run's own lines."""
    made = on_one_line(
        ", ".join(f"{name} {text}" for name, text in values.texts(step.outputs).items())
    )
    end = f"{step.seconds:.3f} s" if step.kept is None else f"kept, made by {step.kept}"
    if run.status in UNFINISHED and not (step.seconds or step.kept):
        end = "not finished"
    end = on_one_line(end)
    yield _line(on_one_line(step.id), f"{made}{'  ' if made else ''}{click.style(end, dim=True)}")
    for text in step.messages:
        kind = click.style("warning: ", fg="yellow") if text in run.warnings else ""
        yield f"{_INDENT}{kind}{below(text, _INDENT)}"


def _expectation(outcome: CheckResult) -> Iterator[str]:
    verdict = "met" if outcome.met else "NOT MET"
    verdict = click.style(verdict, fg="green" if outcome.met else "red")
    shown = on_one_line(f"{outcome.path} {outcome.found}, {outcome.wanted}")
    yield _line("expect", f"{shown}: {verdict}")
    if outcome.difference:
        yield f"{_INDENT}{below(outcome.difference, _INDENT)}"


def _files(verb: str, digests: list[dict[str, str | None]]) -> Iterator[str]:
    """The files that the steps read or wrote, each once."""
    found = {path: digest for files in digests for path, digest in files.items()}
    for path, digest in islice(found.items(), _MOST_FILES):
        yield _line(verb, f"{shown_path(Path(path))}  {short_digest(digest)}")
    if len(found) > _MOST_FILES:
        yield _line(verb, f"and {len(found) - _MOST_FILES} files more")


_KINDS = {
    "env": "variable",
    "list": "names in",
    "sizes": "names, sizes and times in",
    "times": "size and time of",
    "mode": "permissions of",
    "link": "link",
    "names": "the names of all variables",
    "stat": "existence and size of",
    "tree": "all files in",
    "module": "package",
    "cwd": "the current folder",
    "input": "the standard input",
}


_OF_PATHS = ("link", "list", "mode", "sizes", "stat", "times", "tree")


def _looked_at(states: list[dict[str, str]]) -> Iterator[str]:
    """The other things that the steps looked at, each once."""
    names = dict.fromkeys(what for each in states for what in each)
    for what in islice(names, _MOST_FILES):
        kind, _, name = what.partition(":")
        shown = shown_path(Path(name)) if kind in _OF_PATHS else name
        yield _line("looked at", on_one_line(f"{_KINDS.get(kind, kind)} {shown}".rstrip()))
    if len(names) > _MOST_FILES:
        yield _line("looked at", f"and {len(names) - _MOST_FILES} things more")


def _environment(run: RunRecord) -> Iterator[str]:
    found = run.environment
    packages = [f"{name} {version}" for name, version in found.packages.items() if version]
    cpus = f", {found.cpus} CPUs" if found.cpus else ""
    about = f"Python {found.python}, {', '.join([*packages, found.platform])}{cpus}"
    yield _line("environment", on_one_line(about))
    plugins = [f"{name} ({version})" for name, version in found.plugins.items()]
    if plugins:
        yield _line("plugins", on_one_line(", ".join(plugins)))
    if found.command:
        program, *arguments = found.command
        yield _line("command", command_line([Path(program).name, *arguments]))


def _line(name: str, text: str) -> str:
    return f"  {name:<{_NAME_WIDTH}}{text}"


def _continued(error: str | None) -> str:
    return "" if not error else f": {below(error, _INDENT)}"


def _figure(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(number_text, value))}]" if len(value) <= 6 else f"[{len(value)}]"
    return number_text(value)


def _short(value: object) -> str:
    return shortened(msgspec.json.encode(value).decode(), _SHOWN)
