"""How a script predicts: with the layers of `init_params`, or with a plugin's model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import ExportError, call, literal
from flowrun_tensors.extending import Model, ModuleModel
from flowrun_tensors.models import ROWS_AT_ONCE

# A copy of the parameters and buffers of a module.
STATE = "{{name: value.clone() for name, value in {}.state_dict().items()}}"


class Layers(NamedTuple):
    """A network of `init_params`, of which the activation is known."""

    activation: str


class Own(NamedTuple):
    """A plugin's model, with its settings as code by name."""

    model: Model
    settings: dict[str, str]


class OwnModule(NamedTuple):
    """A plugin's torch.nn.Module, with its settings as code by name."""

    model: ModuleModel
    settings: dict[str, str]


def layers_of(names: Iterable[str]) -> int | None:
    """How many layers parameters of these names make; None if they make none."""
    names = list(names)
    count = len(names) // 2
    wanted = [f"{kind}{layer}" for layer in range(1, count + 1) for kind in "Wb"]
    return count if count and sorted(names) == sorted(wanted) else None


def own_model(step: StepLines) -> Own | None:
    """The plugin's model of a step, if it has one."""
    model = step.named.get("model")
    return model.detail if model is not None and isinstance(model.detail, Own) else None


def own_module(step: StepLines) -> OwnModule | None:
    """The torch.nn.Module of a step, if its model is one."""
    model = step.named.get("model")
    return model.detail if model is not None and isinstance(model.detail, OwnModule) else None


def add_module(step: StepLines) -> str:
    """Add the lines that make the step's module, with its parameters; gives its variable."""
    own, model, net = own_module(step), step.named["model"].name, step.local("net")
    assert own is not None
    factory = step.script.own_function(own.model.factory)
    given = [f'tuple({model}["features"])', f'{model}["outputs"]']
    params, first = step.named["params"].name, step.local("value")
    step.add(f"{net} = {call(factory, given, own.settings)}")
    if step.script.moves or step.script.dtype != "float32":
        step.add(
            f"{first} = next(iter({params}.values()))", f"{net}.to({first}.device, {first}.dtype)"
        )
    step.add(f"{net}.load_state_dict({params})")
    return net


def predictions_in_batches(step: StepLines, rows: str, batch_size: int | None) -> str:
    """Code of the predictions of a step, some rows at a time; adds the lines that it needs."""
    module, params = own_module(step), step.named["params"]
    some = rows
    size = batch_size or (ROWS_AT_ONCE if module is not None else None)
    if size is not None:
        some = step.local("rows")
    if module is not None:
        net = add_module(step)
        step.add(f"{net}.eval()")
        code = f"{net}({some})"
    else:
        code = predictions(step, params, some)
    if module is not None or own_model(step) is not None:
        step.seed()  # its forward pass may draw
    return code if size is None else f"torch.cat([{code} for {some} in {rows}.split({size})])"


def predictions(step: StepLines, params: Value, rows: str) -> str:
    """Code of the predictions for rows, of parameters in the dict `params`."""
    own, count = own_model(step), params.detail
    if own is not None:
        forward = step.script.own_function(own.model.forward)
        return call(forward, [params.name, rows], own.settings)
    if count == 1:
        return f'{rows} @ {params.name}["W1"] + {params.name}["b1"]'
    model = step.named.get("model")
    if model is not None and not isinstance(model.detail, Layers):
        activation = f'{model.name}.get("activation", "relu")'
        return f"{step.script.helper('forward', _ANY)}({params.name}, {rows}, {activation})"
    name = model.detail.activation if model is not None else "relu"
    if not isinstance(count, int):
        return f"{step.script.helper('forward', _ANY)}({params.name}, {rows}, {literal(name)})"
    return f"{step.script.helper('forward', _layers(count, name))}({params.name}, {rows})"


def _layers(count: int, activation: str) -> list[str]:
    """A function that predicts with so many layers."""
    lines = ["def NAME(params, X):"]
    for layer in range(1, count):
        inner = f'X @ params["W{layer}"] + params["b{layer}"]'
        if activation == "maximum":
            lines += [f"    X = {inner}", f"    X = {_MAXIMUM}"]
        else:
            lines.append(f"    X = torch.{activation}({inner})")
    return [*lines, f'    return X @ params["W{count}"] + params["b{count}"]']


# torch.relu has the slope 0 at zero, and this 1/2.
_MAXIMUM = "torch.maximum(X, X.new_zeros(()))"

_ANY = [
    "def NAME(params, X, activation):",
    '    count = sum(name.startswith("W") for name in params)',
    "    for layer in range(1, count + 1):",
    '        X = X @ params[f"W{layer}"] + params[f"b{layer}"]',
    '        if layer < count and activation == "maximum":',
    f"            X = {_MAXIMUM}",
    "        elif layer < count:",
    "            X = getattr(torch, activation)(X)",
    "    return X",
]


def known_model(step: StepLines, name: str) -> Model | ModuleModel:
    """The plugin's model of that name; raises ExportError if there is none."""
    models = step.script.plan.registry.items("flowrun_tensors_models")
    if name not in models:
        raise ExportError(f"there is no model `{name}` in the loaded plugins")
    return models[name]


def loss_code(X: Value, loss: str, y_hat: str, y: str) -> str:
    """The code of a loss; written out if that gives the same bits as torch's own function."""
    if loss == "mse" and X.is_plain_float:
        return f"(({y_hat} - {y}) ** 2).mean()"
    if loss == "mae":
        return f"({y_hat} - {y}).abs().mean()"
    function = {"mse": "mse_loss", "huber": "huber_loss", "cross_entropy": "cross_entropy"}[loss]
    return f"torch.nn.functional.{function}({y_hat}, {y})"
