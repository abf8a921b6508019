"""The hooks a plugin may implement. Mark an implementation with `@flowrun.hookimpl`.

An implementation may leave out arguments it does not need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flowrun.plugins.markers import hookspec

if TYPE_CHECKING:
    import click

    from flowrun.plugins.check_mode import CheckMode
    from flowrun.plugins.extensions import Dataset, Format, Model
    from flowrun.plugins.steps import Step
    from flowrun.running.calling import Call
    from flowrun.running.context import Context
    from flowrun.running.events import Progress
    from flowrun.running.results import RunInfo, StepResult
    from flowrun.values.codecs import Codec


@hookspec
def flowrun_steps() -> Iterable[Step[..., Any]]:
    """The steps a plugin gives.

    Called once, when a recipe is planned or steps are listed; must not import heavy libraries.
    A plugin's `@step` functions that stand in the plugin module itself need no hook. An exception
    here counts as a failed import: the plugin is reported by name, and only recipes that need its
    steps are stopped.
    """
    raise NotImplementedError


@hookspec
def flowrun_formats() -> Iterable[Format]:
    """File formats for `load` and `save`, by suffix.

    Called at most once a run, when a step first asks for a format. Where two plugins give one
    suffix, the one registered last is used, so that a plugin of one's own replaces a built-in
    format. An exception fails the step that asked.
    """
    raise NotImplementedError


@hookspec
def flowrun_datasets() -> Iterable[Dataset]:
    """Named data: address, checksum, licence, stand-in.

    Called at most once a run, when a step first asks for a data set. A name given twice belongs to
    the plugin registered last. An exception fails the step that asked.
    """
    raise NotImplementedError


@hookspec
def flowrun_models() -> Iterable[Model]:
    """Models with a forward pass of their own, for `init_params: {model: NAME}`.

    Called at most once a run, when a step first asks for a model. A name given twice belongs to the
    plugin registered last. An exception fails the step that asked.
    """
    raise NotImplementedError


@hookspec
def flowrun_codecs() -> Iterable[Codec]:
    """How values of a type are summarised in lines and records, and turned into plain numbers.

    Called once, when a run starts. A type given twice belongs to the plugin registered last. A
    value without a codec is shown by the name of its type. An exception ends the run before its
    first step.
    """
    raise NotImplementedError


@hookspec
def flowrun_devices() -> dict[str, str]:
    """The devices that are there, best first: full names (`cuda:0`, `cpu`) with a description.

    Called once a run, after planning and before the first step. What several plugins give is
    joined, that of the plugin registered last first. An exception ends the run before its first
    step.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def flowrun_step_call(step: Step[..., Any], ctx: Context, call: Call) -> Any:
    """The call of one step: implement it with `@hookimpl(wrapper=True)` to act round each step.

    A wrapper may change `call.inputs` and `call.options` before it yields (to move values to
    `ctx.device`, say), and returns what the step returned. The tensor plugin sets seed, device and
    dtype here. An implementation without `wrapper=True` that returns something other than None
    takes the place of the step's function. An exception fails the step.
    """


@hookspec(firstresult=True)
def flowrun_check_context(devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode | None:
    """The mode in which steps run on shapes alone.

    devices: the full names of the devices that the recipe's steps run on, there or not; present:
    those of this machine, as `flowrun_devices` gives them. Called once for each recipe that is
    checked. The mode is entered round all of its steps; the first plugin that gives one is asked,
    that registered last first. An exception ends the check.
    """


@hookspec
def flowrun_run_started(run: RunInfo) -> None:
    """A listener: the plan is valid, the device is chosen, the first step comes next.

    For this and every listener below: what is returned is ignored; a listener that raises never
    spoils a run, it is reported once and none of its listeners is called again in that run.
    """


@hookspec
def flowrun_step_started(run: RunInfo, result: StepResult) -> None:
    """A listener: one step is about to be called; `result` has its inputs' summaries."""


@hookspec
def flowrun_step_progress(run: RunInfo, result: StepResult, progress: Progress) -> None:
    """A listener: the step has come so far; called at most about ten times a second."""


@hookspec
def flowrun_step_finished(run: RunInfo, result: StepResult) -> None:
    """A listener: the step returned; `result` has its outputs' summaries, seconds and messages."""


@hookspec
def flowrun_step_kept(run: RunInfo, result: StepResult) -> None:
    """A listener: the step is not called, because what it would give is known.

    `result` has the outputs' summaries and the messages, as when the step ran in the run
    `result.kept`. Neither flowrun_step_started nor flowrun_step_finished is called for it.
    """


@hookspec
def flowrun_step_failed(run: RunInfo, result: StepResult, error: BaseException) -> None:
    """A listener: the step raised `error` (KeyboardInterrupt included), and the run ends."""


@hookspec
def flowrun_run_finished(run: RunInfo) -> None:
    """A listener: the run is over; `run.record` says how, with expectations and seconds.

    `run.values` has what it gave, as far as it came.
    """


@hookspec
def flowrun_commands(cli: click.Group) -> None:
    """Further subcommands: add them to `cli`.

    Called each time the command line starts, so an implementation must be light. An exception is
    reported, and the command line goes on without the plugin's commands.
    """
