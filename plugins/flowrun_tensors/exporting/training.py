"""The short forms of the steps of a training: `init_params`, `gd_train`, `evaluate`, `predict`."""

from __future__ import annotations

from typing import Any

from flowrun_tensors.exporting.networks import (
    Layers,
    Own,
    known_model,
    own_model,
    predictions,
)
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import call, literal, mapping
from flowrun_tensors.updates import OPTIMIZERS

_F = "torch.nn.functional"


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
    function = step.script.own_function(model.init)
    step.add(f"{step.give('params', 'dict')} = {call(function, [X.name], given)}")
    value = step.give("model", "dict", detail=Own(model, given))
    if step.wants("model"):
        step.add(f"{value} = {literal({'name': options.model, 'settings': settings})}")


def evaluate(step: StepLines) -> None:
    """The predictions for the rows to validate with, and each metric of them."""
    options, y = step.options, step.named["y_val"].name
    if own_model(step) is not None:
        step.seed()  # its forward pass may draw
    y_hat = step.local("y_hat")
    step.begin("with torch.no_grad():")
    step.add(f"{y_hat} = {predictions(step, step.named['params'], step.named['X_val'].name)}")
    step.end()
    if set(options.metrics) & {"accuracy", "cross_entropy"}:
        classes = step.local("classes")
        step.add(f"{classes} = {y}.flatten()")
        y = classes
    metrics = step.target("metrics", over=("params", "X_val", "model"))
    step.add(f"{metrics} = {{}}")
    for name in options.metrics:
        step.add(*_metric(step, f'{metrics}["{name}"]', name, y_hat, y))
    step.give("metrics", "dict")
    step.add(f'print("metrics:", {metrics})')
    step.script.printed.add(step.step.wires.outputs["metrics"])


def _metric(step: StepLines, target: str, name: str, y_hat: str, y: str) -> list[str]:
    """The lines of one metric."""
    if name in ("mse", "rmse"):
        squared = _loss(step.named["X_val"], "mse", y_hat, y)
        return [f"{target} = {squared}.item(){'' if name == 'mse' else ' ** 0.5'}"]
    if name == "r2":
        wait = "" if step.script.device == "cpu" and not step.script.moves else ".cpu()"
        residual, total = step.local("residual"), step.local("total")
        sum_of = f"{wait}.square().sum(dtype=torch.float64)"
        return [
            f"{residual} = ({y} - {y_hat}){sum_of}",
            f"{total} = ({y} - {y}.mean(0)){sum_of}",
            f'{target} = (1 - {residual} / {total}).item() if {total} else float("nan")',
        ]
    codes = {
        "mae": f"({y_hat} - {y}).abs().mean()",
        "accuracy": f"({y_hat}.argmax(1) == {y}).double().mean()",
        "cross_entropy": f"{_F}.cross_entropy({y_hat}, {y})",
    }
    return [f"{target} = {codes[name]}.item()"]


def predict(step: StepLines) -> None:
    """The predictions for new rows, normalized as the training rows were."""
    rows = step.named["data"].name
    if own_model(step) is not None:
        step.seed()
    for name, sign in (("mean", "-"), ("std", "/")):
        if name in step.named:
            rows = f"({rows} {sign} {step.named[name].name})"
    if rows != step.named["data"].name:
        step.add(f"{step.local('X')} = {rows[1:-1]}")
        rows = step.local("X")
    step.begin("with torch.no_grad():")
    step.add(f"{step.give('y_hat', 'tensor')} = {predictions(step, step.named['params'], rows)}")
    step.end()


def _loss(X: Value, loss: str, y_hat: str, y: str) -> str:
    """The code of a loss; written out where that gives the bits of torch's own function."""
    if loss == "mse" and X.is_plain_float:
        return f"(({y_hat} - {y}) ** 2).mean()"
    if loss == "mae":
        return f"({y_hat} - {y}).abs().mean()"
    function = {"mse": "mse_loss", "huber": "huber_loss", "cross_entropy": "cross_entropy"}[loss]
    return f"{_F}.{function}({y_hat}, {y})"


def gd_train(step: StepLines) -> None:
    """The loop that one writes by hand, with what its options add to it, and nothing else."""
    _Training(step).write()


class _Training:
    """One descent. Parameters are variables of their own for one layer, else a dict."""

    def __init__(self, step: StepLines) -> None:
        self.step, self.options = step, step.options
        self.params = step.named["params"]
        self.is_layer = self.params.detail == 1 and own_model(step) is None
        self.tracked = step.local("weights")
        self.names = [step.local(name) for name in ("W", "b")] if self.is_layer else []
        self.losses = step.target("losses")
        names = "loss", "best", "least", "waited", "optimizer", "scheduler", "batches", "value"
        self.loss, self.best, self.least, self.waited = map(step.local, names[:4])
        self.optimizer, self.scheduler, self.batches, self.value = map(step.local, names[4:])
        self.val_losses = step.target("val_losses") if self.is_validated else ""
        settings: dict[str, str] = {}
        if self.options.momentum:
            settings["momentum"] = literal(self.options.momentum)
        settings |= {"nesterov": "True"} if self.options.nesterov else {}
        if self.options.weight_decay is not None:
            settings["weight_decay"] = literal(self.options.weight_decay)
        self.settings = settings
        self.is_plain = self.options.optimizer == "sgd" and not settings

    @property
    def is_validated(self) -> bool:
        return bool(self.options.validate or self.options.patience)

    def write(self) -> None:
        step, options = self.step, self.options
        if options.batch_size is not None or own_model(step) is not None:
            step.seed()
        self._targets()
        self._begin()
        step.begin(f"for _ in range({options.steps}):")
        if self.is_validated:
            self._validate()
        X, y = self._rows()
        if options.optimizer == "lbfgs":
            self._closure(X, y)
        else:
            self._gradient(X, y)
            self._update()
        step.add(f"{self.losses}.append({self.loss}.detach())")
        step.add(*([f"{self.scheduler}.step()"] if options.schedule else []))
        self._stop()
        step.end()
        self._finish()

    def _targets(self) -> None:
        """The targets as the loss takes them."""
        step = self.step
        self.y = step.named["y_train"].name
        self.y_val = step.named["y_val"].name if self.is_validated else ""
        if self.options.loss == "cross_entropy":
            classes, val_classes = step.local("classes"), step.local("val_classes")
            step.add(f"{classes} = {self.y}.flatten()")
            self.y = classes
            if self.is_validated:
                step.add(f"{val_classes} = {self.y_val}.flatten()")
                self.y_val = val_classes

    def _begin(self) -> None:
        """All that stands before the loop."""
        step, options, params = self.step, self.options, self.params.name
        if own_model(step) is not None:
            step.begin("with torch.no_grad():  # the step looks at the predictions' shape")
            step.add(self._predictions(step.named["X_train"].name, self.params.name))
            step.add(*([self._predictions(step.named["X_val"].name, self.params.name)]
                       if self.is_validated else []))  # fmt: skip
            step.end()
        if self.is_layer:
            for name, key in zip(self.names, ("W1", "b1"), strict=True):
                step.add(f'{name} = {params}["{key}"].clone().requires_grad_()')
        else:
            tracked = f"value{'' if self.params.detail else '.detach()'}.clone().requires_grad_()"
            step.add(f"{self.tracked} = {{name: {tracked} for name, value in {params}.items()}}")
        if not self.is_plain:
            name = OPTIMIZERS[options.optimizer]
            values = f"[{', '.join(self.names)}]" if self.is_layer else f"{self.tracked}.values()"
            given = {"lr": literal(options.lr), **self.settings}
            step.add(f"{self.optimizer} = {call(f'torch.optim.{name}', [values], given)}")
        if options.schedule:
            self._schedule()
        step.add(f"{self.losses} = []")
        if self.is_validated:
            step.add(f"{self.val_losses} = []")
        if options.patience:
            step.add(f'{self.best}, {self.least}, {self.waited} = None, float("inf"), 0')
        if options.batch_size is not None:
            step.add(f"{self.batches} = {self._batches()}")

    def _schedule(self) -> None:
        ((name, settings),) = self.options.schedule.items()
        if self.is_plain:
            unused = f"torch.optim.SGD([torch.zeros(1)], lr={literal(self.options.lr)})"
            self.step.add(
                "# An optimizer that updates nothing: the schedule sets its learning rate.",
                f"{self.optimizer} = {unused}",
            )
        given = {key: literal(value) for key, value in settings.items()}
        made = call(f"torch.optim.lr_scheduler.{name}", [self.optimizer], given)
        self.step.add(f"{self.scheduler} = {made}")

    def _batches(self) -> str:
        X = self.step.named["X_train"].name
        device = f", device={X}.device" if self.step.script.moves else ""
        return f"list(torch.randperm(len({X}){device}).split({self.options.batch_size}))"

    def _predictions(self, rows: str, params: str | None = None) -> str:
        if self.is_layer:
            return f"{rows} @ {self.names[0]} + {self.names[1]}"
        value = Value(params or self.tracked, "dict", detail=self.params.detail)
        return predictions(self.step, value, rows)

    def _rows(self) -> tuple[str, str]:
        """The rows of one update, and their targets."""
        X = self.step.named["X_train"].name
        if self.options.batch_size is None:
            return X, self.y
        self.step.begin(f"if not {self.batches}:")
        self.step.add(f"{self.batches} = {self._batches()}")
        self.step.end()
        names, rows = (self.step.local("X"), self.step.local("y")), self.step.local("rows")
        self.step.add(
            f"{rows} = {self.batches}.pop(0)", f"{', '.join(names)} = {X}[{rows}], {self.y}[{rows}]"
        )
        return names

    def _gradient(self, X: str, y: str) -> None:
        self.step.add(*([] if self.is_plain else [f"{self.optimizer}.zero_grad()"]))
        y_hat = self.step.local("y_hat")
        self.step.add(
            f"{y_hat} = {self._predictions(X)}",
            f"{self.loss} = {_loss(self.step.named['X_train'], self.options.loss, y_hat, y)}",
            f"{self.loss}.backward()",
        )

    def _update(self) -> None:
        step, lr = self.step, literal(self.options.lr)
        if not self.is_plain:
            step.add(f"{self.optimizer}.step()")
            return
        if self.options.schedule:
            lr = step.local("lr")
            step.add(f"{self.optimizer}.step()", f"({lr},) = {self.scheduler}.get_last_lr()")
        step.begin("with torch.no_grad():")
        for name in self.names:
            step.add(f"{name} -= {lr} * {name}.grad")
        if not self.is_layer:
            value = self.value
            step.begin(f"for {value} in {self.tracked}.values():")
            step.add(f"{value} -= {lr} * {value}.grad", f"{value}.grad = None")
            step.end()
        step.end()
        if self.is_layer:
            step.add(f"{' = '.join(f'{name}.grad' for name in self.names)} = None")

    def _closure(self, X: str, y: str) -> None:
        """What lbfgs asks for as often as it needs a gradient."""
        step = self.step
        step.blank()
        closure = step.local("closure")
        step.begin(f"def {closure}():")
        self._gradient(X, y)
        step.add(f"return {self.loss}")
        step.end()
        step.blank()
        step.add(f"{self.loss} = {self.optimizer}.step({closure})")

    def _validate(self) -> None:
        step, options = self.step, self.options
        step.begin("with torch.no_grad():")
        y_hat = step.local("y_hat")
        step.add(f"{y_hat} = {self._predictions(step.named['X_val'].name)}")
        loss = _loss(step.named["X_val"], options.loss, y_hat, self.y_val)
        step.add(f"{self.val_losses}.append({loss})")
        step.end()
        if not options.patience:
            return
        step.begin(f"if {self.val_losses}[-1].item() < {self.least}:")
        step.add(
            f"{self.least}, {self.waited} = {self.val_losses}[-1].item(), 0",
            f"{self.best} = {self._values('.clone()')}",
        )
        step.end()
        step.begin("else:")
        step.add(f"{self.waited} += 1")
        step.end()

    def _values(self, more: str = "") -> str:
        """The parameters as they are, untracked."""
        if self.is_layer:
            keys = ('"W1"', '"b1"')
            return mapping(
                (key, f"{name}.detach(){more}") for key, name in zip(keys, self.names, strict=True)
            )
        return f"{{name: value.detach(){more} for name, value in {self.tracked}.items()}}"

    def _stop(self) -> None:
        """The reasons for which the loop ends before its last step."""
        step, tolerance, reasons = self.step, self.options.tolerance, []
        if self.options.patience:
            reasons.append(f"{self.waited} >= {self.options.patience}")
        if tolerance:
            change = f"abs({self.losses}[-2].item() - {self.losses}[-1].item())"
            reasons.append(f"len({self.losses}) > 1 and {change} < {literal(tolerance)}")
        for reason in reasons:
            step.begin(f"if {reason}:")
            step.add("break")
            step.end()

    def _finish(self) -> None:
        step = self.step
        params = step.give_like("params", self.params)
        step.add(f"{self.losses} = torch.stack({self.losses})")
        if self.is_validated:
            step.add(f"{self.val_losses} = torch.stack({self.val_losses})")
            step.give("val_losses", "tensor", is_own=True)
        if self.options.patience:
            y_hat = step.local("y_hat")
            step.begin("with torch.no_grad():")
            step.add(f"{y_hat} = {self._predictions(step.named['X_val'].name)}")
            last = _loss(step.named["X_val"], self.options.loss, y_hat, self.y_val)
            step.add(f"{self.loss} = {last}.item()")
            step.end()
            step.begin(f"if {self.best} is None or {self.loss} < {self.least}:")
            step.add(f"{self.best} = {self._values()}")
            step.end()
            step.add(f"{params} = {self.best}")
        else:
            step.add(f"{params} = {self._values()}")
        step.give("losses", "tensor", is_own=True, dtype=step.named["X_train"].dtype)
        step.add(
            f'assert {self.losses}.isfinite().all(), "the loss is not finite: lower `lr`"',
            f'print(f"loss {{{self.losses}[0]:.5f}} -> {{{self.losses}[-1]:.5f}}")',
        )
