"""A torch.nn.Module as a model: made by its plugin, given parameters, trained and used.

Its parameters and buffers are values of a recipe, a dict of tensors by the names of its state dict.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flowrun import FlowrunError, did_you_mean
from flowrun_tensors.extending import ModuleModel
from flowrun_tensors.lazy_torch import torch
from flowrun_tensors.losses import loss_function
from flowrun_tensors.parameters import GradientAt, Params, floating_of

ROWS_TRIED = 2  # of which the shape of predictions is found


def drawn_module(
    known: ModuleModel, X: torch.Tensor, outputs: int, settings: dict[str, Any]
) -> tuple[Params, dict[str, Any]]:
    """The first parameters and buffers of a new module, and its `model` value.

    X: rows `(n, ...)`, of which the module gets the shape of one, the device, and a floating dtype.
    Raises FlowrunError if the factory does not return a module that takes such rows and returns
    `(n, outputs)`.
    """
    features = tuple(X.shape[1:])
    module = _placed(_made(known, features, outputs, settings), X)
    model = {
        "name": known.name, "settings": settings, "features": [*features], "outputs": outputs,
    }  # fmt: skip
    used = UsedModule(known, model, module)
    shape = used.shape_of_predictions(X)
    if shape != (min(len(X), ROWS_TRIED), outputs):
        raise FlowrunError(
            f"the module of `{known.name}` returns predictions of the shape {shape} for "
            f"{min(len(X), ROWS_TRIED)} rows, and it must be (rows, {outputs}): {outputs} "
            "is the number of columns of `y_train`, or of classes\n"
            "use the second argument of the factory for the width of the last layer"
        )
    return {name: value.clone() for name, value in used.state().items()}, model


class UsedModule:
    """A module of a recipe's `model` value, which is made at its first use.

    It predicts with the parameters that it is given, in eval mode, and is trained in train mode.
    """

    def __init__(
        self, known: ModuleModel, model: dict[str, Any], module: torch.nn.Module | None = None
    ) -> None:
        self._known = known
        self._model = model
        self._module = module
        self._held: Params | None = None  # loaded, within a block of `holding`
        self._live: Params | None = None  # the tensors of the module itself

    def predict(self, params: Params, X: torch.Tensor) -> torch.Tensor:
        """Predictions `(n, outputs)` for rows `(n, ...)`, in eval mode and without a graph."""
        if params is not self._held:
            self.load(params, X)
        return self._predicted(X)

    @contextmanager
    def holding(self, params: Params, X: torch.Tensor) -> Iterator[None]:
        """Load these parameters once for all predictions within the block."""
        self.load(params, X)
        self._held = params
        try:
            yield
        finally:
            self._held = None

    def shape_of_predictions(self, X: torch.Tensor) -> tuple[int, ...]:
        """The shape of predictions for the first rows; draws nothing from the step's generators."""
        with _undisturbed(X.device):
            return tuple(self._predicted(X[:ROWS_TRIED]).shape)

    def load(self, params: Params, X: torch.Tensor) -> torch.nn.Module:
        """The module with these parameters and buffers, on the device of the first of them.

        Raises FlowrunError if they are not those of the module.
        """
        if self._module is not None and params is self._live:
            return self._module
        if self._module is None:
            with _undisturbed(X.device):
                module = _made(
                    self._known, tuple(self._model["features"]), self._model["outputs"],
                    self._model.get("settings", {}),
                )  # fmt: skip
            self._module = _placed(module, floating_of(params))
        try:
            self._module.load_state_dict(params)
        except RuntimeError as error:
            raise FlowrunError(
                f"the parameters are not those of the module of `{self._known.name}`: "
                f"{_one_line(error)}\ntrain it again: its code or its settings have changed"
            ) from error
        return self._module

    def state(self) -> Params:
        """The parameters and buffers as they are, by their names in the state dict."""
        assert self._module is not None
        found = self._module.state_dict()
        if other := [name for name, value in found.items() if not isinstance(value, torch.Tensor)]:
            raise FlowrunError(
                f"the state of the module of `{self._known.name}` has `{other[0]}`, which is no "
                "tensor\nkeep it in a setting, or register a buffer in its place"
            )
        self._live = dict(found)
        return self._live

    def begin(self, X: torch.Tensor, params: Params) -> ModuleTrainee:
        """Begin to train the module on rows, from these parameters and buffers."""
        return ModuleTrainee(self, self.load(params, X))

    def gradient_by(self, loss: str) -> GradientAt:
        """The loss of a batch, in train mode, and its gradients in the order of the weights.

        The gradient by a weight that the predictions do not depend on is None.
        """
        loss_of = loss_function(loss)

        def gradient_at(
            weights: Params, X: torch.Tensor, y: torch.Tensor
        ) -> tuple[torch.Tensor, Sequence[torch.Tensor | None]]:
            module = self._module
            assert module is not None
            if not module.training:  # validation has left it in eval mode
                module.train()
            value = loss_of(self._called(module, X), y)
            return value.detach(), torch.autograd.grad(
                value, [*weights.values()], allow_unused=True
            )

        return gradient_at

    def _predicted(self, X: torch.Tensor) -> torch.Tensor:
        assert self._module is not None
        self._module.eval()
        with torch.no_grad(), self._explained(X):
            return self._called(self._module, X)

    def _called(self, module: torch.nn.Module, X: torch.Tensor) -> torch.Tensor:
        found = module(X)
        if not isinstance(found, torch.Tensor):
            raise FlowrunError(
                f"the module of `{self._known.name}` returns a {type(found).__name__}, and it must "
                "return its predictions, one tensor (rows, outputs)"
            )
        return found

    @contextmanager
    def _explained(self, X: torch.Tensor) -> Iterator[None]:
        """Say for which rows the module was made, if it fails on rows of another shape."""
        try:
            yield
        except (RuntimeError, ValueError, IndexError) as error:
            features, found = tuple(self._model["features"]), tuple(X.shape[1:])
            if features == found:
                raise
            raise FlowrunError(
                f"the module of `{self._known.name}` was made for rows of the shape {features}, "
                f"and these have {found}: {_one_line(error)}"
            ) from error


class ModuleTrainee:
    """A module while a descent trains it.

    weights: the parameters that an update changes, those that require a gradient.
    """

    def __init__(self, used: UsedModule, module: torch.nn.Module) -> None:
        self._used = used
        self.weights = {
            name: value for name, value in module.named_parameters() if value.requires_grad
        }

    def tensors(self) -> Params:
        """The parameters and buffers as they are now."""
        return self._used.state()


def _made(
    known: ModuleModel, features: tuple[int, ...], outputs: int, settings: dict[str, Any]
) -> torch.nn.Module:
    """The module of a factory; raises FlowrunError if it takes other settings."""
    signature = inspect.signature(known.factory)
    try:
        signature.bind(features, outputs, **settings)
    except TypeError as error:
        known_settings = [*signature.parameters][2:]
        hints = (did_you_mean(name, known_settings) for name in settings)
        hint = next(filter(None, hints), f"it takes: {', '.join(known_settings) or 'none'}")
        raise FlowrunError(
            f"the settings do not fit the factory of the model `{known.name}`: {error}\n{hint}"
        ) from error
    module = known.factory(features, outputs, **settings)
    if not isinstance(module, torch.nn.Module):
        raise FlowrunError(
            f"the factory of the model `{known.name}` returns a {type(module).__name__}, and it "
            "must return a torch.nn.Module"
        )
    if not any(True for _ in module.parameters()):
        raise FlowrunError(f"the module of `{known.name}` has no parameters to train")
    return module


def _placed(module: torch.nn.Module, like: torch.Tensor) -> torch.nn.Module:
    """A module on the device of a tensor, in its dtype if that is floating."""
    return module.to(like.device, like.dtype if like.is_floating_point() else None)


@contextmanager
def _undisturbed(device: torch.device) -> Iterator[None]:
    """Let draws within the block not change those after it."""
    kind = device.type
    indices = [device.index or 0] if kind not in ("cpu", "meta") else []
    with torch.random.fork_rng(indices, device_type=kind if indices else "cuda"):
        yield


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
