"""The short form of `gd_train`: the loop that one writes by hand."""

from __future__ import annotations

from typing import Any

from flowrun_tensors.exporting.networks import (
    STATE,
    add_module,
    loss_code,
    own_model,
    own_module,
    predictions,
)
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import ExportError, call, literal
from flowrun_tensors.models import ROWS_AT_ONCE
from flowrun_tensors.updates import OPTIMIZERS

# Parameters are variables of their own for one layer, else a dict.
_BEFORE = """
{y} = {y_train}.flatten()  ## of_classes
{val_y} = {y_val}.flatten()  ## val_of_classes
with torch.no_grad():  # the step looks at the shape of predictions once  ## own
    {first_predicted}  ## own
    {first_validated}  ## first_validated
{W} = {params}["W1"].clone().requires_grad_()  ## layer
{b} = {params}["b1"].clone().requires_grad_()  ## layer
{weights} = {{name: {tracked} for name, value in {params}.items()}}  ## weighted
# An optimizer that updates nothing: the schedule sets its learning rate.  ## only_scheduled
{optimizer} = {new_optimizer}  ## new_optimizer
{scheduler} = {new_scheduler}  ## new_scheduler
{losses} = []
{val_losses} = []  ## validated
{best}, {least}, {waited} = None, float("inf"), 0  ## patience
{before} = float("inf")  ## tolerance
{batches} = {new_batches}  ## popped
"""
_VALIDATE = """
{net}.eval()  ## validated_module
with torch.no_grad():  ## validated
    {y_hat} = {val_predicted}  ## validated
    {val_losses}.append({val_loss})  ## validated
if {val_losses}[-1].item() < {least}:  ## patience
    {least}, {waited} = {val_losses}[-1].item(), 0  ## patience
    {best} = {copies}  ## patience
else:  ## patience
    {waited} += 1  ## patience
"""
_SELECT = """
if not {batches}:  ## popped
    {batches} = {new_batches}  ## popped
{rows} = {batches}.pop(0)  ## popped
{X}, {y} = {X_train}[{rows}], {targets}[{rows}]  ## new_batches
"""
_GRADIENT = """
{optimizer}.zero_grad()  ## not plain
{y_hat} = {predicted}
{loss} = {loss_code}
{loss}.backward()
torch.nn.utils.clip_grad_norm_({values}, {clip_norm})  ## clip_norm
"""
_UPDATE = """
{optimizer}.step()  ## stepped
({scheduled_lr},) = {scheduler}.get_last_lr()  ## only_scheduled
with torch.no_grad():  ## plain
    {W} -= {lr} * {W}.grad  ## plain_layer
    {b} -= {lr} * {b}.grad  ## plain_layer
    for {value} in {weights}.values():  ## plain_network
        {value} -= {lr} * {value}.grad  ## plain_network
        {value}.grad = None  ## plain_network
{W}.grad = {b}.grad = None  ## plain_layer
"""
_NOTE = """
{losses}.append({loss}.detach())
"""
_SCHEDULE = """
{scheduler}.step()  ## new_scheduler
"""
_END = """
if {waited} >= {patience}:  ## patience
    break  ## patience
if abs({before} - {loss}.item()) < {tolerance}:  ## tolerance
    break  ## tolerance
{before} = {loss}.item()  ## tolerance
"""
_AFTER = """
{losses} = torch.stack({losses})
{val_losses} = torch.stack({val_losses})  ## validated
{net}.eval()  ## patient_module
with torch.no_grad():  ## patient
    {y_hat} = {val_predicted}  ## patient
    {loss} = {val_loss}.item()  ## patient
if {best} is None or {loss} < {least}:  ## patient
    {best} = {ends}  ## patient
{new_params} = {best}  ## patience
{new_params} = {ends}  ## not patience
assert {losses}.isfinite().all(), "the loss is not finite: lower `lr`"
print(f"loss {{{losses}[0]:.5f}} -> {{{losses}[-1]:.5f}}")
"""


def gd_train(step: StepLines) -> None:
    """The loop, with only those parts that its options need."""
    module = own_module(step)
    net = "" if module is None else add_module(step)
    codes = _codes(step, net)
    if codes["new_batches"] or codes["own"] or module is not None:
        step.seed()
    step.write(_BEFORE, **codes)
    if codes["of_classes"]:
        codes |= {"targets": step.local("y"), "val_targets": step.local("val_y")}
    codes["y"] = step.local("batch_y" if codes["of_classes"] else "y")
    if not codes["new_batches"]:
        codes |= {"X": codes["X_train"], "y": codes["targets"]}
    codes |= _losses(step, codes)
    (_write_epochs if step.options.epochs else _write_steps)(step, codes)
    step.give("losses", "tensor", is_own=True, dtype=step.named["X_train"].dtype)
    if codes["validated"]:
        step.give("val_losses", "tensor", is_own=True)
    step.write(_AFTER, new_params=step.give_like("params", step.named["params"]), **codes)


def _write_steps(step: StepLines, codes: dict[str, Any]) -> None:
    """The loop over single updates."""
    step.begin(f"for _ in range({step.options.steps}):")
    step.write(_VALIDATE, **codes)
    step.write(_SELECT, **codes)
    step.write("{net}.train()  ## module", **codes)
    _write_update(step, codes)
    step.write(_SCHEDULE + _END.lstrip(), **codes)
    step.end()


def _write_epochs(step: StepLines, codes: dict[str, Any]) -> None:
    """The loop over epochs, and in it the one over batches."""
    if codes["new_batches"] and codes["tolerance"]:
        raise ExportError("`tolerance` has no form in a loop over the batches of an epoch")
    step.begin(f"for _ in range({step.options.epochs}):")
    step.write("{net}.train()  ## module", **codes)
    if codes["new_batches"]:
        X = codes["X_train"]
        device = f", device={X}.device" if step.script.moves else ""
        order = f"torch.randperm(len({X}){device}).split({step.options.batch_size})"
        step.begin(f"for {step.local('rows')} in {order}:")
        step.write(_SELECT, **codes)
    _write_update(step, codes)
    if codes["new_batches"]:
        step.end()
    step.write(_SCHEDULE + _VALIDATE.lstrip() + _END.lstrip(), **codes)
    step.end()


def _write_update(step: StepLines, codes: dict[str, Any]) -> None:
    """One update, and its loss."""
    if step.options.optimizer == "lbfgs":
        _write_closure(step, codes)
    else:
        step.write(_GRADIENT, **codes)
        step.write(_UPDATE, **codes)
    step.write(_NOTE, **codes)


def _write_closure(step: StepLines, codes: dict[str, Any]) -> None:
    """What lbfgs asks for as often as it needs a gradient."""
    closure = step.local("closure")
    step.lines.append("")
    step.begin(f"def {closure}():")
    step.write(_GRADIENT + "return {loss}", **codes)
    step.end()
    step.lines.append("")
    step.write("{loss} = {optimizer}.step({closure})")


def _codes(step: StepLines, net: str) -> dict[str, Any]:
    """The codes of the templates, as far as they do not depend on the targets."""
    if step.options.loss == "binary_cross_entropy":
        raise ExportError("`gd_train` with the loss binary_cross_entropy has no short form")
    options, params, X = step.options, step.named["params"], step.named["X_train"].name
    own, validated = own_model(step) is not None, bool(options.validate or options.patience)
    codes: dict[str, Any] = {
        "params": params.name, "X_train": X, "own": own, "validated": validated,
        "layer": params.detail == 1 and not own and not net, "module": net, "net": net,
        "validated_module": validated and net, "popped": "",
        "patient": options.patience and not options.epochs,
        "patient_module": options.patience and not options.epochs and net,
        "clip_norm": options.clip_norm and literal(options.clip_norm),
        "tracked": f"value{'' if params.detail else '.detach()'}.clone().requires_grad_()",
        "patience": options.patience, "tolerance": options.tolerance and literal(options.tolerance),
        "losses": step.target("losses"),
        "val_losses": step.target("val_losses") if validated else "",
        "of_classes": options.loss == "cross_entropy",
        "val_of_classes": options.loss == "cross_entropy" and validated,
        "y_train": step.named["y_train"].name, "targets": step.named["y_train"].name,
        "y_val": step.named["y_val"].name if validated else "",
        "val_targets": step.named["y_val"].name if validated else "",
        "first_predicted": own and predictions(step, params, X),
        "first_validated": own and validated
        and predictions(step, params, step.named["X_val"].name),
        "new_batches": _batches(step, X),
    }  # fmt: skip
    codes["weighted"] = not codes["layer"] and not net
    codes["popped"] = codes["new_batches"] and not options.epochs
    return codes | _optimizer(step, codes)


def _batches(step: StepLines, X: str) -> str:
    if step.options.batch_size is None:
        return ""
    device = f", device={X}.device" if step.script.moves else ""
    return f"list(torch.randperm(len({X}){device}).split({step.options.batch_size}))"


def _optimizer(step: StepLines, codes: dict[str, Any]) -> dict[str, Any]:
    """The codes of how parameters are updated: by the rule itself, or by one of torch.optim."""
    options, lr = step.options, literal(step.options.lr)
    settings = {"momentum": literal(options.momentum)} if options.momentum else {}
    settings |= {"nesterov": "True"} if options.nesterov else {}
    if options.weight_decay is not None:
        settings["weight_decay"] = literal(options.weight_decay)
    plain = options.optimizer == "sgd" and not settings and not codes["module"]
    layer = codes["layer"]
    values = (
        f"[{step.local('W')}, {step.local('b')}]" if layer else f"{step.local('weights')}.values()"
    )
    if codes["module"]:
        values = f"{codes['net']}.parameters()"
    changed = values
    optimizer, scheduler = f"torch.optim.{OPTIMIZERS[options.optimizer]}", ""
    if plain:
        values = "[torch.zeros(1)]"
    if options.schedule:
        ((name, given),) = options.schedule.items()
        given = {key: literal(value) for key, value in given.items()}
        scheduler = call(f"torch.optim.lr_scheduler.{name}", [step.local("optimizer")], given)
    only_scheduled = plain and bool(scheduler)
    return {
        "values": changed, "plain": plain,
        "plain_layer": plain and layer, "plain_network": plain and not layer,
        "new_optimizer": (not plain or scheduler)
        and call(optimizer, [values], {"lr": lr, **settings}),
        "new_scheduler": scheduler, "only_scheduled": only_scheduled,
        "stepped": not plain or only_scheduled,
        "lr": step.local("lr") if only_scheduled else lr, "scheduled_lr": step.local("lr"),
    }  # fmt: skip


def _losses(step: StepLines, codes: dict[str, Any]) -> dict[str, str]:
    """The codes of predictions, losses, and of parameters that are no longer tracked."""
    loss, y_hat, value = step.options.loss, step.local("y_hat"), "value.detach(){}"
    if codes["module"]:
        values = STATE.format(codes["net"])

        def predicted(rows: str) -> str:
            return f"{codes['net']}({rows})"
    elif codes["layer"]:
        W, b = step.local("W"), step.local("b")  # noqa: N806
        values = f'{{{{"W1": {W}.detach(){{0}}, "b1": {b}.detach(){{0}}}}}}'

        def predicted(rows: str) -> str:
            return f"{rows} @ {W} + {b}"
    else:
        weights = Value(step.local("weights"), "dict", detail=step.named["params"].detail)
        values = f"{{{{name: {value} for name, value in {weights.name}.items()}}}}"

        def predicted(rows: str) -> str:
            return predictions(step, weights, rows)

    X = codes.get("X") or step.local("X")
    found = {
        "predicted": predicted(X),
        "ends": values if codes["module"] else values.format(""),
        "copies": values if codes["module"] else values.format(".clone()"),
        "loss_code": loss_code(step.named["X_train"], loss, y_hat, codes["y"]),
    }  # fmt: skip
    if codes["validated"]:
        X_val = step.named["X_val"]
        found["val_predicted"] = predicted(X_val.name)
        if codes["module"]:
            rows = step.local("rows")
            parts = f"{predicted(rows)} for {rows} in {X_val.name}.split({ROWS_AT_ONCE})"
            found["val_predicted"] = f"torch.cat([{parts}])"
        found["val_loss"] = loss_code(X_val, loss, y_hat, codes["val_targets"])
    return found
