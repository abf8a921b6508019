"""The short form of `gd_train`: the loop that one writes by hand."""

from __future__ import annotations

from flowrun_tensors.exporting.networks import loss_code, own_model, predictions
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import call, literal, mapping
from flowrun_tensors.updates import OPTIMIZERS


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
        self.own = step.locals("loss before best least waited optimizer scheduler batches value")
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
        step.add(f"{self.losses}.append({self.own.loss}.detach())")
        step.add(*([f"{self.own.scheduler}.step()"] if options.schedule else []))
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
            step.add(f"{self.own.optimizer} = {call(f'torch.optim.{name}', [values], given)}")
        if options.schedule:
            self._schedule()
        step.add(f"{self.losses} = []")
        if self.is_validated:
            step.add(f"{self.val_losses} = []")
        if options.patience:
            step.add(
                f'{self.own.best}, {self.own.least}, {self.own.waited} = None, float("inf"), 0'
            )
        if options.tolerance:
            step.add(f'{self.own.before} = float("inf")')
        if options.batch_size is not None:
            step.add(f"{self.own.batches} = {self._batches()}")

    def _schedule(self) -> None:
        ((name, settings),) = self.options.schedule.items()
        if self.is_plain:
            unused = f"torch.optim.SGD([torch.zeros(1)], lr={literal(self.options.lr)})"
            self.step.add(
                "# An optimizer that updates nothing: the schedule sets its learning rate.",
                f"{self.own.optimizer} = {unused}",
            )
        given = {key: literal(value) for key, value in settings.items()}
        made = call(f"torch.optim.lr_scheduler.{name}", [self.own.optimizer], given)
        self.step.add(f"{self.own.scheduler} = {made}")

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
        self.step.begin(f"if not {self.own.batches}:")
        self.step.add(f"{self.own.batches} = {self._batches()}")
        self.step.end()
        names, rows = (self.step.local("X"), self.step.local("y")), self.step.local("rows")
        self.step.add(
            f"{rows} = {self.own.batches}.pop(0)",
            f"{', '.join(names)} = {X}[{rows}], {self.y}[{rows}]",
        )
        return names

    def _gradient(self, X: str, y: str) -> None:
        self.step.add(*([] if self.is_plain else [f"{self.own.optimizer}.zero_grad()"]))
        y_hat = self.step.local("y_hat")
        loss = loss_code(self.step.named["X_train"], self.options.loss, y_hat, y)
        self.step.add(
            f"{y_hat} = {self._predictions(X)}",
            f"{self.own.loss} = {loss}",
            f"{self.own.loss}.backward()",
        )

    def _update(self) -> None:
        step, lr = self.step, literal(self.options.lr)
        if not self.is_plain:
            step.add(f"{self.own.optimizer}.step()")
            return
        if self.options.schedule:
            lr = step.local("lr")
            step.add(
                f"{self.own.optimizer}.step()", f"({lr},) = {self.own.scheduler}.get_last_lr()"
            )
        step.begin("with torch.no_grad():")
        for name in self.names:
            step.add(f"{name} -= {lr} * {name}.grad")
        if not self.is_layer:
            value = self.own.value
            step.begin(f"for {value} in {self.tracked}.values():")
            step.add(f"{value} -= {lr} * {value}.grad", f"{value}.grad = None")
            step.end()
        step.end()
        if self.is_layer:
            step.add(f"{' = '.join(f'{name}.grad' for name in self.names)} = None")

    def _closure(self, X: str, y: str) -> None:
        """What lbfgs asks for as often as it needs a gradient."""
        step = self.step
        step.lines.append("")
        closure = step.local("closure")
        step.begin(f"def {closure}():")
        self._gradient(X, y)
        step.add(f"return {self.own.loss}")
        step.end()
        step.lines.append("")
        step.add(f"{self.own.loss} = {self.own.optimizer}.step({closure})")

    def _validate(self) -> None:
        step, options = self.step, self.options
        step.begin("with torch.no_grad():")
        y_hat = step.local("y_hat")
        step.add(f"{y_hat} = {self._predictions(step.named['X_val'].name)}")
        loss = loss_code(step.named["X_val"], options.loss, y_hat, self.y_val)
        step.add(f"{self.val_losses}.append({loss})")
        step.end()
        if not options.patience:
            return
        step.begin(f"if {self.val_losses}[-1].item() < {self.own.least}:")
        step.add(
            f"{self.own.least}, {self.own.waited} = {self.val_losses}[-1].item(), 0",
            f"{self.own.best} = {self._values('.clone()')}",
        )
        step.end()
        step.begin("else:")
        step.add(f"{self.own.waited} += 1")
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
        step = self.step
        if self.options.patience:
            step.block(f"if {self.own.waited} >= {self.options.patience}:", "break")
        if self.options.tolerance:
            change = f"abs({self.own.before} - {self.own.loss}.item())"
            step.block(f"if {change} < {literal(self.options.tolerance)}:", "break")
            step.add(f"{self.own.before} = {self.own.loss}.item()")

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
            last = loss_code(step.named["X_val"], self.options.loss, y_hat, self.y_val)
            step.add(f"{self.own.loss} = {last}.item()")
            step.end()
            step.begin(f"if {self.own.best} is None or {self.own.loss} < {self.own.least}:")
            step.add(f"{self.own.best} = {self._values()}")
            step.end()
            step.add(f"{params} = {self.own.best}")
        else:
            step.add(f"{params} = {self._values()}")
        step.give("losses", "tensor", is_own=True, dtype=step.named["X_train"].dtype)
        step.add(
            f'assert {self.losses}.isfinite().all(), "the loss is not finite: lower `lr`"',
            f'print(f"loss {{{self.losses}[0]:.5f}} -> {{{self.losses}[-1]:.5f}}")',
        )
