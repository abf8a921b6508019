"""Each engine's walk from a task to its trained parameters and losses.

An engine's libraries are imported when it runs, so planning a recipe loads no NumPy.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from flowrun import Context
from flowrun_tensors.batches import Batches
from flowrun_tensors.engines.task import Task
from flowrun_tensors.gradients import by_model
from flowrun_tensors.parameters import GradientAt
from flowrun_tensors.training import (
    BLOCK,
    Trained,
    descend,
    require_finite,
    restore_surroundings,
    restored_of,
    surroundings_state,
    trained,
)
from flowrun_tensors.validation import Validation, taken_of


def autograd(task: Task, ctx: Context) -> Trained:
    """The loop itself, with torch's own gradients and optimisers."""
    return _descended(task, task.gradient_at, "autograd", ctx)


def _descended(task: Task, gradient_at: GradientAt, engine: str, ctx: Context) -> Trained:
    return descend(
        task.params, gradient_at, task.X, task.y, task.settings, ctx,
        validation=task.validation(), engine=engine, begin=task.begin,
    )  # fmt: skip


def spectral(task: Task, ctx: Context) -> Trained:
    """The closed form, by the eigenvectors of the moment matrix."""
    from flowrun_tensors.engines.spectral import spectral as solve

    settings = task.settings
    found = solve(
        task.X, task.y, task.params,
        lr=settings.lr, steps=settings.steps, tolerance=settings.tolerance, **settings.options,
    )  # fmt: skip
    return Trained(found.params, found.losses)


def moments(task: Task, ctx: Context) -> Trained:
    """The moment matrix, iterated."""
    from flowrun_tensors.engines.iterated import iterated

    settings = task.settings
    found = iterated(
        task.X, task.y, task.params,
        steps=settings.steps, lrs=[settings.lr] if settings.lrs is None else settings.lrs,
        tolerance=settings.tolerance, **settings.options,
    )  # fmt: skip
    return Trained(found.params, found.losses)


def fused(task: Task, ctx: Context) -> Trained:
    """The backward pass written out, here or by the model."""
    if task.predictor.gradient is not None:
        return _descended(task, by_model(task.predictor, task.loss), "fused", ctx)
    return _fused(task, "auto", ctx)


def numba(task: Task, ctx: Context) -> Trained:
    """The backward pass that numba compiles."""
    return _fused(task, "numba", ctx)


def _fused(task: Task, kernel: Literal["auto", "numba"], ctx: Context) -> Trained:
    from flowrun_tensors.engines.fused import Fused

    settings = task.settings
    batches = None if settings.batch_size is None else Batches(task.X, settings.batch_size)
    validation = task.validation()
    restored = restored_of("fused", ctx)
    walk = Fused(
        task.params, task.X, task.y,
        steps=settings.steps, activation=task.predictor.activation or "", loss=task.loss,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer, optimizer_options=settings.options,
        kernel=kernel if restored is None else restored["kernel"],
    )  # fmt: skip
    if restored is not None:
        walk.restore(restored["walk"])
        restore_surroundings(restored, task.X.device, batches, validation)
    losses = walk.losses
    state = partial(_state, walk, batches, validation)

    def loss_now() -> float:
        return float(losses[walk.taken - 1])

    while walk.taken < settings.steps:
        step = walk.taken
        is_last = validation is not None and validation.before(walk.named, step)
        walk.step(settings.rate(step), None if batches is None else batches.rows())
        is_last |= validation is not None and validation.after(walk.named, step)
        if is_last or settings.has_settled(losses, step):
            break
        if walk.taken % BLOCK == 0:
            require_finite(losses, walk.taken - BLOCK, walk.taken)
        ctx.progress(walk.taken, settings.steps, loss=loss_now)
        ctx.checkpoint(state)
    require_finite(losses, 0, walk.taken)
    return trained(walk.parameters(), taken_of(losses, walk.taken), validation)


def _state(walk: Any, batches: Batches | None, validation: Validation | None) -> dict[str, Any]:
    return {
        "engine": "fused",
        "kernel": walk.kernel,
        "walk": walk.state(),
        **surroundings_state(walk.taken, walk.losses.device, batches, validation),
    }
