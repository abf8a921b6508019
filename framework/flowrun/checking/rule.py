"""Whether a run is checked first: if the check is likely to cost a small part of the run's time."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.planning.plan import Plan, PlannedStep
from flowrun.recipes.devices import meant_device
from flowrun.running.cache import records_of_last_run
from flowrun.store.step_records import StepRecord
from flowrun.store.store import Store

CHECK_SECONDS = 3.0  # the usual time of a check in a process of its own, with its imports
SHARE = 0.1  # of the time that a run is likely to take: the most that its check may cost


def seconds_for_check(plan: Plan, store: Store, *, standin: bool, fresh: bool) -> float:
    """The seconds that a check before a run may take; zero if a usual check would take longer.

    They are a tenth of the time that the steps to be called are likely to take. The time of a step
    is that of the recipe's last run; it is zero if the step has not run here, or if its cached
    result would be used. A run that would end before its first step, because its device is missing,
    is not checked.
    """
    present = plan.registry.devices
    devices = [plan.recipe.device, *(step.device for step in plan.steps if step.device is not None)]
    if any(meant_device(device, present) not in present for device in devices):
        return 0.0
    if plan.recipe.needs.unmet(present) is not None:
        return 0.0
    before = records_of_last_run(plan, store)
    likely = {step.id: _likely_seconds(step, before) for step in plan.steps}
    if _allowed(likely) == 0.0:
        return 0.0
    above = () if plan.part is None else plan.part.above  # their results are used in any case
    if above or not fresh:
        from flowrun.running.explaining import explain  # most runs return before this

        for step in explain(plan, store, standin=standin):
            if step.is_kept and (not fresh or step.id in above):
                likely[step.id] = 0.0
    return _allowed(likely)


def _allowed(likely: Mapping[str, float]) -> float:
    seconds = SHARE * sum(likely.values())
    return seconds if seconds >= CHECK_SECONDS else 0.0


def _likely_seconds(planned: PlannedStep, before: Mapping[str, StepRecord]) -> float:
    record = before.get(planned.id)
    if record is not None and record.step == planned.step.name:
        return record.work  # without imports: torch alone takes a second
    return 0.0
