"""What is said in a called step's lines about its reads, its writes, and what cannot be kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flowrun.errors import shown_path
from flowrun.planning.plan import Plan, PlannedStep
from flowrun.running.context import ContextState
from flowrun.running.dataflow import Output
from flowrun.running.results import StepResult
from flowrun.values.codecs import Codecs
from flowrun.values.digests import why_no_digest


def advise(planned: PlannedStep, result: StepResult, ctx: ContextState) -> None:
    """Warn about reads and writes that the step's author should declare."""
    if result.unseen and not ctx.has_declared:
        ctx.warn(
            f"it {' and '.join(result.unseen)}: the files these read are not seen, "
            "declare them with ctx.reads"
        )
    if result.files_written and not planned.step.effect:
        names = ", ".join(shown_path(Path(path)) for path in result.files_written)
        ctx.warn(f"it writes {names}: mark it with @step(..., effect=True)")


def say_unkept(
    plan: Plan, index: int, outputs: Mapping[str, Output], ctx: ContextState, codecs: Codecs
) -> None:
    """Say which outputs cannot be kept, and what follows from that."""
    planned = plan.steps[index]
    for name, output in outputs.items():
        if output.record.digest is not None:
            continue
        published = planned.wires.outputs[name]
        reason = why_no_digest(output.value, codecs)
        follows = what_follows(plan, index, published)
        if follows:
            ctx.say(f"{follows}: {reason}")
        if planned.cache:
            ctx.warn(f"`cache: true` has no effect on `{published}`: {reason}")


def what_follows(plan: Plan, index: int, published: str) -> str:
    """What follows if an output of a step is not kept; empty if no step takes it.

    It names no step, because a kept step says it again in other recipes, in which others take it.
    """
    if not _is_taken(plan, index, published):
        return ""
    return (
        f"`{published}` cannot be kept, so each step that takes it runs each time, after this one"
    )


def _is_taken(plan: Plan, index: int, published: str) -> bool:
    """Whether a step below takes a value, before one that gives another of its name."""
    for planned in plan.steps[index + 1 :]:
        if published in planned.wires.taken:
            return True
        if published in planned.wires.outputs.values():
            return False
    return False
