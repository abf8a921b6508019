"""Which engine runs a training: one table of engines, and the reason against each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from flowrun import CheckContext, Context, FlowrunError
from flowrun_tensors.engines import adapters as walking
from flowrun_tensors.engines import shapes
from flowrun_tensors.engines.results import NotCoveredError
from flowrun_tensors.engines.task import Task
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.models import layer_count
from flowrun_tensors.training import Descent, Trained

_WIDEST = 1000  # columns beyond which an eigendecomposition costs more than a thousand steps
_ROUNDING = 100  # units in the last place of a loss by which a change of it may be off

_FUSED = ("sgd", "adam", "adamw")

Walk = Callable[[Task, Context], Trained]
WalkOnShapes = Callable[[Task, Context], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Engine:
    """One way along the path.

    suits: its purpose. obstacle: why it cannot run a task, None if it can. on_shapes: replaces
    the walk in a check. is_offered: whether `auto` may choose it.
    """

    name: str
    suits: str
    obstacle: Callable[[Task], str | None]
    walk: Walk
    on_shapes: WalkOnShapes = shapes.of_the_loop
    is_offered: bool = True


class Chosen(NamedTuple):
    """An engine, and why it was chosen."""

    engine: Engine
    reason: str


def _linear(task: Task) -> str | None:
    """Why a descent cannot be computed from the moments of its data, or None."""
    if task.predictor.module is not None:
        return "the model is a torch.nn.Module"
    if task.predictor.activation is None:
        return "the model is a plugin's own"
    if task.validated is not None:
        return "the loss on X_val is wanted after each update"
    if layer_count(task.params) != 1:
        return "the model has more than one layer"
    if task.loss != "mse":
        return f"the loss is {task.loss}, and not mse"
    if task.settings.optimizer != "sgd":
        return f"the optimizer is {task.settings.optimizer}, and not sgd"
    if task.settings.clip_norm is not None:
        return "the gradient is clipped"
    if task.settings.batch_size is not None:
        return "an update takes a batch of the rows, and not all of them"
    if task.X.dtype not in (torch.float32, torch.float64):
        return f"the data is {task.X.dtype}, whose rounding decides where the loop goes"
    if task.X.shape[1] > _WIDEST:
        return f"there are more than {_WIDEST} columns"
    return None


def _spectral(task: Task) -> str | None:
    if task.settings.lrs is not None:
        return "the learning rate changes from step to step"
    if task.settings.options.keys() - {"weight_decay"}:
        return "sgd has momentum"
    return _linear(task)


def _fused(task: Task) -> str | None:
    if task.predictor.module is not None:
        return "the model is a torch.nn.Module"
    if task.predictor.gradient is not None:
        return None
    if task.predictor.activation is None:
        return "the model is a plugin's own, and gives no gradient"
    if task.settings.clip_norm is not None:
        return "the gradient is clipped"
    if task.settings.optimizer == "lbfgs":
        return "the optimizer is lbfgs, which asks for more than one gradient an update"
    if task.settings.optimizer not in _FUSED:
        return f"the optimizer is {task.settings.optimizer}, and none of {', '.join(_FUSED)}"
    if task.X.dtype not in (torch.float32, torch.float64):
        return f"the data is {task.X.dtype}"
    if task.X.device.type not in ("cpu", "cuda"):
        return f"the data is on {task.X.device}"
    return None


def _numba(task: Task) -> str | None:
    from flowrun_tensors.engines.fused_numba import why_not

    if task.predictor.activation is None:
        return _fused(task) or "the model is a plugin's own"
    return _fused(task) or why_not(task.X, task.loss, task.settings.batch_size)


# In the order in which `auto` asks them; docs/training.md shows this table.
ENGINES = (
    Engine(
        "spectral",
        "a linear layer, mse, sgd at one rate",
        _spectral,
        walking.spectral,
        shapes.of_moments,
    ),
    Engine("moments", "a linear layer, mse, sgd", _linear, walking.moments, shapes.of_moments),
    Engine("fused", "a backward pass written out", _fused, walking.fused),
    Engine("autograd", "anything", lambda task: None, walking.autograd),
    Engine("numba", "a backward pass compiled by numba", _numba, walking.numba, is_offered=False),
)


def walked(name: str, task: Task, ctx: Context) -> Trained:
    """Trained parameters and losses, by the engine of that name, or by the first that can.

    The step's messages name the engine and the reason. Raises FlowrunError if the requested engine
    cannot run the task.
    """
    passed = ""
    for chosen in _candidates(name, task):
        try:
            found = chosen.engine.walk(task, ctx)
        except NotCoveredError as error:
            if name != "auto":
                raise
            passed = f"; not {chosen.engine.name}: {error}"
            continue
        ctx.log(f"engine {chosen.engine.name}: {chosen.reason}{passed}")
        if chosen.engine.name != "autograd" and _rounding_decides(found, task.settings):
            ctx.log(
                "tolerance is within the rounding of the loss: the loop of engine: autograd may "
                "stop some steps earlier or later"
            )
        return found
    raise AssertionError("autograd takes every task")


def _rounding_decides(found: Trained, settings: Descent) -> bool:
    """Whether tolerance has ended a descent, and is too small for its step to be the loop's."""
    tolerance, epoch = settings.tolerance, settings.epoch or 1
    if not tolerance or len(found.losses) < 2 * epoch:
        return False
    last = found.losses[-2 * epoch :].double().view(2, epoch).mean(1)
    if float(last.diff().abs()) >= tolerance:
        return False
    return tolerance < _ROUNDING * torch.finfo(found.losses.dtype).eps * float(last[-1])


def walked_on_shapes(name: str, task: Task, ctx: CheckContext) -> dict[str, Any]:
    """The outputs of `gd_train` in a check, computed without data.

    Raises FlowrunError if the requested engine cannot run the task.
    """
    return next(_candidates(name, task)).engine.on_shapes(task, ctx)


def _candidates(name: str, task: Task) -> Iterator[Chosen]:
    """The engines that can run a task, best first. Raises FlowrunError if `name` cannot."""
    for engine in ENGINES:
        obstacle = engine.obstacle(task)
        if name == engine.name:
            if obstacle is not None:
                raise FlowrunError(
                    f"the engine {name} cannot walk this descent: {obstacle}\n"
                    "leave `engine` out, or write `engine: auto`, to have one chosen that can"
                )
            yield Chosen(engine, "as asked for")
        elif name == "auto" and engine.is_offered and obstacle is None:
            yield Chosen(engine, engine.suits)
