"""`run_step`: calls one step as a recipe would, on values given from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowrun.api import run_plan
from flowrun.errors import FlowrunError, StepError
from flowrun.planning.plan import Plan
from flowrun.plugins.steps import Step
from flowrun.running.calling import Call
from flowrun.testing.steps.isolated import StepAlone


class Outputs(dict[str, Any]):
    """The outputs of a step by name. messages: the texts of `ctx.log` and `ctx.warn`."""

    def __init__(self, outputs: Mapping[str, Any], messages: list[str]) -> None:
        super().__init__(outputs)
        self.messages = messages


def run_step(
    step: Step[..., Any],
    inputs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    folder: str | Path = ".",
    plugins: tuple[str, ...] = (),
) -> Outputs:
    """Call one step as a recipe would, and return its outputs by name.

    Options are checked and converted as in a recipe, and the backends of all installed plugins and
    of the step's own module wrap the call: they set the seed, the dtype and the device.

    inputs: values by the names of the step's parameters. They are moved to `device`.
    options: as in a recipe; the others have their defaults.
    seed: the recipe's seed, from which the step's own is computed, with the step's name.
    folder: the folder of the recipe, from which relative paths start; by default the current one.
    plugins: further plugins, named as with `-p`.

    Raises RecipeError if an option does not fit, StepError if the step fails, and FlowrunError if
    an input is missing or unknown.
    """
    __tracebackhide__ = True  # so that pytest shows only the test and the step's own code
    try:
        alone = StepAlone(step, plugins=plugins, folder=Path(folder))
        planned = alone.plan(inputs or {}, options or {}, seed=seed, device=device, dtype=dtype)
        return called(alone, planned)
    except StepError as error:
        raise error.with_traceback(None) from _from_step_on(error.__cause__)
    except FlowrunError as error:
        raise error.with_traceback(None) from None


def _from_step_on(cause: BaseException | None) -> BaseException | None:
    """A step's exception, its traceback starting at the step's own code."""
    frame = None if cause is None else cause.__traceback__
    while frame is not None and frame.tb_frame.f_code is not Call.__call__.__code__:
        frame = frame.tb_next
    if cause is not None and frame is not None and frame.tb_next is not None:
        own = frame.tb_next
        return cause.with_traceback(own.tb_next or own)  # past `Step.__call__`
    return cause


def called(alone: StepAlone, planned: Plan) -> Outputs:
    """Run the plan of a step alone; raises StepError if the step fails."""
    alone.seen.forget()
    result = run_plan(planned, record=False, progress=False)
    wires = planned.steps[-1].wires
    state = alone.seen.state
    messages = [] if state is None else [message.text for message in state.messages]
    outputs = {name: result.values[published] for name, published in wires.outputs.items()}
    return Outputs(outputs, messages)
