"""What a run would fail with, as far as names, headers and counts of rows tell beforehand."""

from __future__ import annotations

from typing import Any

from flowrun.checking.expecting import without_key
from flowrun.errors import (
    FlowrunError,
    Lines,
    NeedsDataError,
    OptionError,
    PluginError,
    Problem,
    contained,
    suggestions_bounded,
)
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.planning.wiring import option_mark
from flowrun.plugins.check_mode import Unknown
from flowrun.plugins.local_modules import entered
from flowrun.running.calling import Call, context_of, named_outputs
from flowrun.running.context import OutlineContext

_UNKNOWN = Unknown("unknown")


@suggestions_bounded()
def outline_problems(plan: Plan, *, standin: bool) -> list[Problem]:
    """The steps and expectations that are certain to fail, by the functions on outlines.

    Nothing is computed or downloaded, and no tensor library is imported. None are found in a recipe
    that expects an error, or that is skipped on this machine.
    """
    if plan.expectations.error is not None:
        return []
    walk = _OutlineWalk(plan, standin=standin)
    walk.run()
    if walk.problems and plan.recipe.needs.unmet(plan.registry.devices) is not None:
        return []
    return walk.problems


class _OutlineWalk:
    """Calls the functions on outlines of one plan's steps, and collects the problems."""

    def __init__(self, plan: Plan, *, standin: bool) -> None:
        self.problems: list[Problem] = []
        self._plan = plan
        self._standin = standin
        self._entries = {entry.id: entry for entry in plan.recipe.steps}
        self._known: dict[str, Any] = dict.fromkeys(plan.given, _UNKNOWN)
        self._are_files_certain = True  # no step above may write a file that another one reads

    def run(self) -> None:
        """Call each function, in the plan's order; then look for what is expected."""
        for planned in self._plan.steps:
            wires = planned.wires
            outlines = self._outlines(planned)
            self._known |= {
                published: outlines.get(name, _UNKNOWN) for name, published in wires.outputs.items()
            }
        self.problems += without_key(self._plan, self._known)

    def _outlines(self, planned: PlannedStep) -> dict[str, Any]:
        """What is known of a step's outputs, by their names in the step."""
        wires, function = planned.wires, planned.step.outline_function
        if function is None:
            self._are_files_certain = False
            return {}
        if not self._are_files_certain and not wires.inputs and not wires.named:
            return {}  # its values come from outside, perhaps from a file that is not written yet
        state = context_of(
            planned, self._plan, planned.device or self._plan.recipe.device,
            present={}, standin=self._standin,
        )  # fmt: skip
        inputs = {name: self._known[source] for name, source in wires.inputs.items()}
        named = {name: self._known[source] for name, source in (wires.named or {}).items()}
        call = Call(
            planned,
            OutlineContext(state),
            inputs,
            None if wires.named is None else named,
            planned.keywords,
        )
        keywords = {**inputs, **call.options}
        if planned.step.takes_context:
            keywords["ctx"] = call.ctx
        try:
            with entered(state.local), contained():
                returned = function(*([] if call.named is None else [named]), **keywords)
                return named_outputs(call, returned)
        except (NeedsDataError, PluginError):  # what a plugin fails with is the run's to report
            return {}
        except Exception as error:
            for one in error.exceptions if isinstance(error, ExceptionGroup) else [error]:
                if isinstance(one, FlowrunError):  # another is a mistake of this function
                    self._report(planned, one)
            return {}

    def _report(self, planned: PlannedStep, error: FlowrunError) -> None:
        mark = planned.mark
        if isinstance(error, OptionError) and planned.id in self._entries:
            mark = option_mark(error, self._entries[planned.id])
        message, _, more = str(error).partition("\n")
        self.problems.append(
            Problem(
                f"the step `{planned.id}` fails: {message}",
                mark,
                hint=Lines(more.strip()) or None,
                step=planned.id,
            )
        )
