"""What stands in an exported script for the table of engines: the loop."""

from __future__ import annotations

from flowrun import Context
from flowrun_tensors.engines.task import Task
from flowrun_tensors.gradients import by_autograd
from flowrun_tensors.training import Trained, descend


def walked(name: str, task: Task, ctx: Context) -> Trained:
    """Trained parameters and losses, by the loop, whatever engine is named."""
    gradient_at = by_autograd(task.loss_at)
    return descend(
        task.params, gradient_at, task.X, task.y, task.settings, ctx, validation=task.validation()
    )
