"""The hooks that a plugin may implement. Mark an implementation with `@flowrun.hookimpl`.

An implementation may leave out arguments it does not need. If two plugins give something of one
name, that of the plugin registered last is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flowrun.plugins.markers import hookspec

if TYPE_CHECKING:
    import click

    from flowrun.plugins.extensions import Dataset, Format
    from flowrun.plugins.steps import Step
    from flowrun.running.backend import Backend
    from flowrun.running.events import Progress
    from flowrun.running.results import RunInfo, StepResult
    from flowrun.values.codecs import Codec


@hookspec
def flowrun_steps() -> Iterable[Step[..., Any]]:
    """Further steps; a `@step` function that stands in the plugin's module needs no hook.

    Called once, when the plugin is loaded, so it must import no heavy library. After an exception
    the plugin counts as not loaded: only recipes that need its steps are stopped.
    """
    raise NotImplementedError


@hookspec
def flowrun_formats() -> Iterable[Format]:
    """File formats for `load` and `save`, by suffix.

    Called at most once a run, when a step asks for a format. An exception fails that step.
    """
    raise NotImplementedError


@hookspec
def flowrun_datasets() -> Iterable[Dataset]:
    """Named data: address, checksum, licence, stand-in.

    Called at most once a run, when a step asks for a data set. An exception fails that step.
    """
    raise NotImplementedError


@hookspec
def flowrun_codecs() -> Iterable[Codec]:
    """How values of a type are summarised, and turned into plain numbers; others have no summary.

    Called once, when a run starts. An exception ends the run before its first step.
    """
    raise NotImplementedError


@hookspec
def flowrun_backend() -> Backend:
    """Devices, a mode for checks, and a context around each call of a step.

    Called once, before the first run or check. An exception ends that run or check. `Backend` says
    when each of its methods is called.
    """
    raise NotImplementedError


@hookspec
def flowrun_hookspecs() -> Any:
    """A class or module of further hooks, for other plugins to implement (`@flowrun.hookspec`).

    Called once, when the plugin is loaded; the plugins that implement them are loaded after it.
    After an exception the plugin counts as not loaded.
    """


@hookspec
def flowrun_commands(cli: click.Group) -> None:
    """Further subcommands: add them to `cli`.

    Called each time the command line starts, so it must be light. An exception is reported, and
    the command line goes on without the plugin's commands.
    """


# Listeners. What they return is ignored. A listener that raises never spoils a run: it is reported
# once, and none of its listeners is called again in that run.


@hookspec
def flowrun_run_started(run: RunInfo) -> None:
    """Called when the plan is valid and the device is chosen, before the first step."""


@hookspec
def flowrun_step_started(run: RunInfo, result: StepResult) -> None:
    """Called before a step is; `result` has the summaries of its inputs."""


@hookspec
def flowrun_step_progress(run: RunInfo, result: StepResult, progress: Progress) -> None:
    """Called while a step reports progress, about ten times a second at most."""


@hookspec
def flowrun_step_finished(run: RunInfo, result: StepResult) -> None:
    """Called after a step returned; `result` has its outputs' summaries, seconds and messages."""


@hookspec
def flowrun_step_kept(run: RunInfo, result: StepResult) -> None:
    """Called in place of the two above for a step whose result is known, and is not computed.

    `result` has the outputs' summaries and the messages of the run `result.kept`.
    """


@hookspec
def flowrun_step_failed(run: RunInfo, result: StepResult, error: BaseException) -> None:
    """Called when a step raised `error` (KeyboardInterrupt included), which ends the run."""


@hookspec
def flowrun_run_finished(run: RunInfo) -> None:
    """Called when the run is over, in whatever way: `run.record` has all of it.

    `run.values` has the values, as far as the run came.
    """
