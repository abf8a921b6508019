"""Whether a run is checked first: if it is likely to take longer than the check."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.planning.plan import Plan, PlannedStep
from flowrun.recipes.devices import meant_device
from flowrun.running.cache import records_of_last_run
from flowrun.store.step_records import StepRecord
from flowrun.store.store import Store

CHECK_SECONDS = 2.0  # the usual time of a check, without the imports that the run needs too


def is_worth_checking(plan: Plan, store: Store, *, standin: bool, fresh: bool) -> bool:
    """Whether the steps that a run would call are likely to take longer than a check.

    The time of a step is that of the recipe's last run; it is zero if the step has not run here, or
    if its cached result would be used. A run that would end before its first step, because its
    device is missing, is not checked.
    """
    present = plan.registry.devices
    devices = [plan.recipe.device, *(step.device for step in plan.steps if step.device is not None)]
    if any(meant_device(device, present) not in present for device in devices):
        return False
    if plan.recipe.needs.unmet(present) is not None:
        return False
    before = records_of_last_run(plan, store)
    likely = {step.id: _likely_seconds(step, before) for step in plan.steps}
    if sum(likely.values()) < CHECK_SECONDS:
        return False
    if not fresh:
        from flowrun.running.explaining import explain  # most runs return before this

        for step in explain(plan, store, standin=standin):
            if step.is_kept:
                likely[step.id] = 0.0
    return sum(likely.values()) >= CHECK_SECONDS


def _likely_seconds(planned: PlannedStep, before: Mapping[str, StepRecord]) -> float:
    record = before.get(planned.id)
    if record is not None and record.step == planned.step.name:
        return record.work  # without imports: torch alone takes a second
    return 0.0
