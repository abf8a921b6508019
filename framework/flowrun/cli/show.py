"""`flowrun show`: one run in full, from its record."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import msgspec

from flowrun.errors import shown_path
from flowrun.expectations.check import CheckResult
from flowrun.history.events import follow_events
from flowrun.history.finding import find_run
from flowrun.running.record import RunRecord, StepRun, local_time, short_digest
from flowrun.store.home import runs_folder
from flowrun.store.run_index import RECORD, UNFINISHED
from flowrun.values.codecs import Codecs, number_text
from flowrun.values.metrics import flat

_COLORS = {"ok": "green", "skipped": "green", "running": "yellow"}
_SHOWN = 60  # characters of a variable's value
_NAME_WIDTH = 14
_INDENT = " " * (_NAME_WIDTH + 2)

_MOST_FILES = 20  # lines of each kind


@click.command("show")
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print the run's record, `run.json`.")
def show_command(run: str, as_json: bool) -> None:
    """Show one run in full.

    Steps, messages, expectations, metrics, files, environment. RUN is an id, an unambiguous
    beginning of one, `last`, or `last~1` for the one before.
    """
    found = find_run(run)
    if as_json:
        text = (runs_folder() / found.id / RECORD).read_text(encoding="utf-8")
        click.echo(text.rstrip("\n"))
        return
    if found.status in UNFINISHED:
        follow_events(found, runs_folder() / found.id)
    click.echo("\n".join(_lines(found)))


def _lines(run: RunRecord) -> Iterator[str]:
    about = f": {run.about}" if run.about else ""
    yield click.style(run.recipe, bold=True) + about
    yield from _head(run)
    values = Codecs({}, run.dtype)
    for step in run.steps:
        yield from _step(run, step, values)
    missing = [step.id for step in run.plan[len(run.steps) :]]
    if missing and run.status != "skipped":
        yield _line("not reached", ", ".join(missing))
    for outcome in run.expectations:
        yield from _expectation(outcome)
    metrics = [f"{path} {_figure(value)}" for path, value in flat(run.metrics)]
    if metrics:
        yield _line("metrics", ", ".join(metrics))
    yield from _files("read", [step.files_read for step in run.steps])
    yield from _looked_at([step.looked_at for step in run.steps])
    yield from _files("wrote", [step.files_written for step in run.steps])
    for step in run.steps:
        if step.unseen:
            yield _line("not seen", f"`{step.id}` {' and '.join(step.unseen)}")
    yield from _environment(run)


def _head(run: RunRecord) -> Iterator[str]:
    yield _line("run", run.id)
    if run.file is not None:
        yield _line("file", shown_path(Path(run.file)))
    yield _line("when", f"{local_time(run.started)}, {run.seconds:.2f} s")
    color = _COLORS.get(run.status, "red")
    yield _line("result", click.style(run.status, fg=color) + _continued(run.error))
    about = f" ({run.environment.device})" if run.environment.device else ""
    yield _line("seed, device", f"{run.seed}, {run.device}{about}, {run.dtype}")
    if run.vars:
        shown = [f"{name} {_short(value)}" for name, value in run.vars.items()]
        yield _line("vars", ", ".join(shown))


def _step(run: RunRecord, step: StepRun, values: Codecs) -> Iterator[str]:
    """A step in the form of the run's own lines."""
    made = ", ".join(f"{name} {values.text(summary)}" for name, summary in step.outputs.items())
    end = f"{step.seconds:.3f} s" if step.kept is None else f"kept, made by {step.kept}"
    if run.status in UNFINISHED and not (step.seconds or step.kept):
        end = "not finished"
    yield _line(step.id, f"{made}{'  ' if made else ''}{click.style(end, dim=True)}")
    for text in step.messages:
        kind = click.style("warning: ", fg="yellow") if text in run.warnings else ""
        yield f"{_INDENT}{kind}{_indented(text)}"


def _expectation(outcome: CheckResult) -> Iterator[str]:
    verdict = "met" if outcome.met else "NOT MET"
    verdict = click.style(verdict, fg="green" if outcome.met else "red")
    yield _line("expect", f"{outcome.path} {outcome.found}, {outcome.wanted}: {verdict}")
    if outcome.difference:
        yield f"{_INDENT}{outcome.difference}"


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
}


_OF_PATHS = ("link", "list", "mode", "sizes", "stat", "times", "tree")


def _looked_at(states: list[dict[str, str]]) -> Iterator[str]:
    """The other things that the steps looked at, each once."""
    names = dict.fromkeys(what for each in states for what in each)
    for what in islice(names, _MOST_FILES):
        kind, _, name = what.partition(":")
        shown = shown_path(Path(name)) if kind in _OF_PATHS else name
        yield _line("looked at", f"{_KINDS[kind]} {shown}".rstrip())
    if len(names) > _MOST_FILES:
        yield _line("looked at", f"and {len(names) - _MOST_FILES} things more")


def _environment(run: RunRecord) -> Iterator[str]:
    found = run.environment
    packages = [f"{name} {version}" for name, version in found.packages.items() if version]
    cpus = f", {found.cpus} CPUs" if found.cpus else ""
    yield _line(
        "environment", f"Python {found.python}, {', '.join([*packages, found.platform])}{cpus}"
    )
    plugins = [f"{name} ({version})" for name, version in found.plugins.items()]
    if plugins:
        yield _line("plugins", ", ".join(plugins))
    if found.command:
        program, *arguments = found.command
        yield _line("command", shlex.join([Path(program).name, *arguments]))


def _line(name: str, text: str) -> str:
    return f"  {name:<{_NAME_WIDTH}}{text}"


def _continued(error: str | None) -> str:
    return "" if not error else f": {_indented(error)}"


def _indented(text: str) -> str:
    return text.replace("\n", f"\n{_INDENT}")


def _figure(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(number_text, value))}]" if len(value) <= 6 else f"[{len(value)}]"
    return number_text(value)


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
