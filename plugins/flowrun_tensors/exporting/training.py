"""The short forms of `init_params`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import Any

from flowrun_tensors.exporting.networks import (
    STATE,
    Layers,
    Own,
    OwnModule,
    known_model,
    predictions_in_batches,
)
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import ExportError, call, literal, mapping
from flowrun_tensors.extending import ModuleModel


def init_params(step: StepLines) -> None:
    """`params = {"W1": torch.randn(11, 1), "b1": torch.randn(1)}`, a line a parameter."""
    X, options = step.named["X_train"], step.options
    step.seed()
    if options.model is not None:
        _init_own(step, X)
        return
    like = "" if X.dtype == step.script.dtype else f", dtype={X.name}.dtype"
    like += f", device={X.name}.device" if step.script.moves else ""
    scale = "" if options.scale == 1 else f" * {literal(options.scale)}"
    params = step.target("params")
    step.add(f"{params} = {{}}")
    widths: list[Any] = [f"{X.name}.shape[1]", *options.layers]
    for layer, outputs in enumerate(options.layers, start=1):
        inputs = widths[layer - 1]
        if options.init == "randn":
            weights = f"torch.randn({inputs}, {outputs}{like})"
            bias = f"torch.randn({outputs}{like})"
        else:
            # torch.nn.init counts a weight's columns as its inputs.
            drawn = f"torch.empty({outputs}, {inputs}{like})"
            matrix = step.local("W")
            step.add(f"{matrix} = {drawn}", _drawing(options, matrix))
            weights = f"{matrix}.T.contiguous()"
            bias = f"torch.zeros({outputs}{like})"
        step.add(
            f'{params}["W{layer}"] = {weights}{scale}', f'{params}["b{layer}"] = {bias}{scale}'
        )
    step.give("params", "dict", detail=len(options.layers))
    model = step.give("model", "dict", detail=Layers(options.activation))
    if step.wants("model"):
        sizes = f"[{', '.join(map(str, widths))}]"
        activation = literal(options.activation)
        step.add(f'{model} = {{"layers": {sizes}, "activation": {activation}}}')


def _drawing(options: Any, drawn: str) -> str:
    if options.init == "xavier":
        return f"torch.nn.init.xavier_normal_({drawn})"
    gain_of = "relu" if options.activation == "maximum" else options.activation
    return f"torch.nn.init.kaiming_normal_({drawn}, nonlinearity={literal(gain_of)})"


def _init_own(step: StepLines, X: Value) -> None:
    options, settings = step.options, step.options.settings or {}
    model = known_model(step, options.model)
    given = {name: literal(value) for name, value in settings.items()}
    if isinstance(model, ModuleModel):
        _init_module(step, X, OwnModule(model, given))
        return
    function = step.script.own_function(model.init)
    step.add(f"{step.give('params', 'dict')} = {call(function, [X.name], given)}")
    value = step.give("model", "dict", detail=Own(model, given))
    if step.wants("model"):
        step.add(f"{value} = {literal({'name': options.model, 'settings': settings})}")


def _init_module(step: StepLines, X: Value, own: OwnModule) -> None:
    options, net = step.options, step.local("net")
    factory = step.script.own_function(own.model.factory)
    model = step.give("model", "dict", detail=own)
    outputs = literal(options.outputs) if options.outputs else _outputs(step.named["y_train"])
    about = {"name": literal(options.model), "settings": literal(options.settings or {}),
             "features": f"[*{X.name}.shape[1:]]", "outputs": outputs}  # fmt: skip
    step.add(f"{model} = {mapping((literal(key), code) for key, code in about.items())}")
    given = [f'tuple({model}["features"])', f'{model}["outputs"]']
    step.add(f"{net} = {call(factory, given, own.settings)}")
    if step.script.moves or X.dtype != step.script.dtype:
        dtype = f"{X.name}.dtype if {X.name}.is_floating_point() else None"
        step.add(f"{net}.to({X.name}.device, {dtype})")
    step.add(f"{step.give('params', 'dict')} = {STATE.format(net)}")


def _outputs(y: Value) -> str:
    if y.dtype in ("float16", "bfloat16", "float32", "float64"):
        return f"{y.name}.shape[1]"
    classes = f"int({y.name}.max()) + 1"
    if y.dtype is not None:
        return classes
    return f"{y.name}.shape[1] if {y.name}.is_floating_point() else {classes}"


_METRICS = {
    "mse": '{metrics}["mse"] = (({y_hat} - {y}) ** 2).mean().item()',
    "rmse": '{metrics}["rmse"] = (({y_hat} - {y}) ** 2).mean().item() ** 0.5',
    "mae": '{metrics}["mae"] = ({y_hat} - {y}).abs().mean().item()',
    "accuracy": '{metrics}["accuracy"] = ({y_hat}.argmax(1) == {y}).double().mean().item()',
    "cross_entropy": '{metrics}["cross_entropy"] = {cross_entropy}({y_hat}, {y}).item()',
    "r2": """
{residual} = (({y} - {y_hat}) ** 2).sum()
{differences} = {y} - {y}[0]  # exact zeros if y is constant
{total} = (({differences} - {differences}.mean(0)) ** 2).sum()
{metrics}["r2"] = (1 - {residual} / {total}).item() if {total} else float("nan")
""",
}


def evaluate(step: StepLines) -> None:
    """The predictions for the rows to validate with, and each metric of them, in float64."""
    _require_exported(step)
    X, y_val, y_hat = step.named["X_val"], step.named["y_val"].name, step.local("y_hat")
    predicted = predictions_in_batches(step, X.name, step.options.batch_size)
    step.block("with torch.no_grad():", f"{y_hat} = {predicted}")
    of_classes = bool(set(step.options.metrics) & {"accuracy", "cross_entropy"})
    y, known = (step.local("classes"), "flatten") if of_classes else (step.local("y"), "double")
    is_host = step.script.device == "cpu" and not step.script.moves
    wait = "" if is_host else ".cpu()"
    step.add(f"{y_hat}, {y} = {y_hat}{wait}.double(), {y_val}{wait}.{known}()")
    metrics = step.target("metrics", over=("params", "X_val", "y_val", "model"))
    step.add(f"{metrics} = {{}}")
    for name in step.options.metrics:
        step.write(
            _METRICS[name], metrics=metrics, y=y, y_hat=y_hat,
            cross_entropy="torch.nn.functional.cross_entropy",
        )  # fmt: skip
    step.give("metrics", "dict")
    step.add(f'print("metrics:", {metrics})')
    step.script.printed.add(step.step.wires.outputs["metrics"])


def _require_exported(step: StepLines) -> None:
    """Raise ExportError for metrics that have no short form, or that are in a table's units."""
    others = [name for name in step.options.metrics if name not in _METRICS]
    if others:
        raise ExportError(f"`evaluate` with the metric {others[0]} has no short form")
    if "encoding" in step.named:
        raise ExportError("`evaluate` with the encoding of a table has no short form")


def predict(step: StepLines) -> None:
    """The predictions for new rows, normalized as the training rows were."""
    if step.options.source is not None:
        raise ExportError("`predict` with a `source` has no short form")
    rows = step.named["data"].name
    for name, sign in (("mean", "-"), ("std", "/")):
        if name in step.named:
            rows = f"({rows} {sign} {step.named[name].name})"
    if rows != step.named["data"].name:
        step.add(f"{step.local('X')} = {rows[1:-1]}")
        rows = step.local("X")
    predicted = predictions_in_batches(step, rows, step.options.batch_size)
    step.block("with torch.no_grad():", f"{step.give('y_hat', 'tensor')} = {predicted}")
