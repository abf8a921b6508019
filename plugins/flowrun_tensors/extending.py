"""The hook of the tensor plugin itself, by which other plugins give models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from flowrun import hookspec


class Model(msgspec.Struct, frozen=True):
    """A model with a forward pass of its own, which `init_params: {model: NAME}` names.

    init: called with the rows to train on, and with the recipe's `settings` as keywords; returns
        the first parameters, tensors by name. It draws them from torch's generator.
    forward: called with the parameters and rows, and the same settings; returns predictions.
    gradient: if it is given, training calls it in place of torch's autograd, with the
        parameters, rows, a function `slope_of`, and the same settings. It returns the gradient by
        name of parameter. `slope_of`, called once with the predictions, gives the derivative of
        the loss by them, of their shape.
    """

    name: str
    init: Callable[..., dict[str, Any]]
    forward: Callable[..., Any]
    gradient: Callable[..., dict[str, Any]] | None = None

    @staticmethod
    def of_module(name: str, factory: Callable[..., Any]) -> ModuleModel:
        """A model that is a torch.nn.Module, of the name by which `init_params` finds it.

        factory: called with the shape of one row of `X_train` (a tuple, `(1, 8, 8)` of an image),
        the number of outputs, and the recipe's `settings` as keywords; returns a torch.nn.Module,
        whose parameters it draws from torch's generator. The module takes rows, `(n, ...)`, and
        returns predictions, `(n, outputs)`.
        """
        return ModuleModel(name, factory)


class ModuleModel(msgspec.Struct, frozen=True):
    """A model that is a torch.nn.Module; `Model.of_module` makes it.

    factory: returns the module; `Model.of_module` says what it is called with.
    """

    name: str
    factory: Callable[..., Any]


class RowReader(msgspec.Struct, frozen=True):
    """Reads new rows for a trained model: `predict: {source: new.csv}`.

    name: that which stands in `encoding["reader"]`.
    read: called with the source, the value `encoding` and the step's `ctx`; returns `data`, the
        rows as the model takes them, and `table`, the rows as they were read.
    """

    name: str
    read: Callable[..., dict[str, Any]]


class TensorHooks:
    """The hooks that a plugin may implement for the steps of the tensor plugin."""

    @staticmethod
    @hookspec
    def flowrun_tensors_models() -> Iterable[Model | ModuleModel]:
        """Models with a forward pass of their own, for `init_params: {model: NAME}`.

        Called when a step looks up a model. If two plugins give the same name, the one registered
        last is used. An exception fails that step.
        """
        raise NotImplementedError

    @staticmethod
    @hookspec
    def flowrun_tensors_row_readers() -> Iterable[RowReader]:
        """Readers of new rows, for `predict: {source: new.csv}`, by the name in the encoding.

        Called when a step looks one up. If two plugins give the same name, the one registered last
        is used. An exception fails that step.
        """
        raise NotImplementedError
