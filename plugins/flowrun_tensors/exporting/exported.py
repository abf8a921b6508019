"""A plan turned into a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowrun import FlowrunError, Plan
from flowrun_tensors.exporting import descent, loading, measuring, saving, tables, tensors, training
from flowrun_tensors.exporting.assembling import libraries, script_text
from flowrun_tensors.exporting.own_code import OwnCode
from flowrun_tensors.exporting.own_steps import own_step
from flowrun_tensors.exporting.script import (
    Script,
    StepLines,
    shown_values,
)
from flowrun_tensors.exporting.text import ExportError, comment, literal
from flowrun_tensors.extending import ModuleModel
from flowrun_tensors.steps import STEPS

SHORT_FORMS: dict[str, Callable[[StepLines], None]] = {
    "load": loading.load, "save": saving.save,
    "shuffle": tables.shuffle, "split": tables.split, "normalize": tables.normalize,
    "init_params": training.init_params, "gd_train": descent.gd_train,
    "evaluate": training.evaluate, "predict": training.predict,
    "tensor": tensors.tensor, "random": tensors.random, "compute": tensors.compute,
    "cast": tensors.cast, "place": tensors.place, "numpy": tensors.numpy,
    "grad": tensors.grad, "minimize": tensors.minimize,
    "show": tensors.show, "bench": measuring.bench,
}  # fmt: skip

_DTYPES = ("float16", "bfloat16", "float32", "float64")
_PLACED = [
    "def NAME(value, device=None, dtype=None):",
    '    """A value with its tensors on a device, and floating ones in a dtype."""',
    "    if isinstance(value, dict):",
    "        return {key: NAME(item, device, dtype) for key, item in value.items()}",
    "    if isinstance(value, (list, tuple)):",
    "        return type(value)(NAME(item, device, dtype) for item in value)",
    "    if not isinstance(value, torch.Tensor):",
    "        return value",
    "    value = value if device is None else value.to(device)",
    "    return value if dtype is None or not value.is_floating_point() else value.to(dtype)",
]


@dataclass(frozen=True)
class Exported:
    """A script, and the files that must be beside it.

    files: each by the path that it has from the script's folder. variables: that of each value of
    the recipe, by the value's name.
    """

    text: str
    files: dict[str, Path]
    variables: dict[str, str]


def export_plan(plan: Plan, *, standin: bool = True) -> Exported:
    """The script of a plan, as a person would write it, with torch alone if the steps allow it.

    standin: whether simulated stand-ins may replace data sets that are not available.

    It ends with the bits of the run whose trainings have `engine: autograd`. Raises FlowrunError,
    naming the recipe's line, for a step or an option that has no form in a script; DataError if a
    data set is not available.
    """
    script = Script(plan, _device(plan.recipe.device, plan), standin)
    own = OwnCode(script)
    script.own_function = own.function
    for step in plan.steps:  # whose names are the script's before its values are named
        functions = _own_functions(step, plan)
        _said_of(step, lambda functions=functions: [own.function(one) for one in functions])
    script.name_values(name for step in plan.steps for name in step.wires.outputs.values())
    for step in plan.steps:
        _said_of(step, lambda step=step: _write(script, step, own))
    _print_values(script)
    text = script_text(script, _header(script), own.lines())
    return Exported(text, script.files, script.variables)


def _own_functions(step: Any, plan: Plan) -> list[Callable[..., Any]]:
    """What a step has of a user's: its own function, or those of its model."""
    if not _is_built_in(step):
        return [step.step.function]
    model = plan.registry.items("flowrun_tensors_models").get(step.options.get("model"))
    if isinstance(model, ModuleModel):
        return [model.factory]
    return [] if model is None else [model.init, model.forward]


def _said_of(step: Any, write: Callable[[], object]) -> None:
    """Write, or raise an ExportError as an error of the step."""
    try:
        write()
    except ExportError as error:
        message = f"{step.mark}: the step `{step.id}` cannot be exported\n    {error}"
        raise FlowrunError(message) from None


def _is_built_in(step: Any) -> bool:
    return any(step.step is one for one in STEPS)


def _device(name: str, plan: Plan) -> str:
    """The device by its name in the script; `auto` is the best one of this machine."""
    if name == "auto":
        name = next(iter(plan.registry.devices), "cpu")
    return "cpu" if name == "cpu:0" else name


def _write(script: Script, step: Any, own: OwnCode) -> None:
    """Write one step: its settings, and its lines."""
    lines = StepLines(script, step)
    dtype = step.dtype or script.plan.recipe.dtype
    if dtype not in _DTYPES:  # the record of a run from elsewhere may say anything
        raise ExportError(f"{literal(dtype)} is no dtype; there are: {', '.join(_DTYPES)}")
    device = _device(step.device or script.plan.recipe.device, script.plan)
    if dtype != script.dtype:
        lines.add(f"torch.set_default_dtype(torch.{dtype})")
        script.dtype = dtype
    if device != script.default_device:
        lines.add(f"torch.set_default_device({literal(device)})")
        script.default_device = script.device = device
    if step.device or step.dtype:
        _place_inputs(lines, step)
    if _is_built_in(step):
        SHORT_FORMS[step.step.name](lines)
    else:
        own_step(lines, own)
    lines.finish()
    title = step.id if step.id == step.step.name else f"{step.id} ({step.step.name})"
    failing = script.plan.expectations.error
    title += ": the recipe expects it to fail" if failing and failing.step == step.id else ""
    script.body += [*comment(title), *lines.lines, ""]


def _place_inputs(lines: StepLines, step: Any) -> None:
    """Inputs of a step with a device or a dtype of its own, on that device and in that dtype."""
    named = {"device": literal(lines.script.device)} if step.device else {}
    named |= {"dtype": f"torch.{step.dtype}"} if step.dtype else {}
    more = ", ".join(f"{name}={code}" for name, code in named.items())
    for name, value in lines.named.items():
        if value.kind in ("number", "size", "text"):
            continue
        placed = lines.script.helper("placed", _PLACED)
        local = lines.local(f"{name}_placed")
        lines.add(f"{local} = {placed}({value.name}, {more})")
        is_cast = step.dtype and value.dtype in _DTYPES
        dtype = step.dtype if is_cast else value.dtype
        lines.named[name] = replace(value, name=local, dtype=dtype)


def _print_values(script: Script) -> None:
    for name in shown_values(script.plan):
        if name not in script.printed and name not in ("losses", "val_losses"):
            script.body.append(f"print({literal(f'{name}:')}, {script.values[name].name})")


def _header(script: Script) -> list[str]:
    """The comment at the top. Its first lines are fixed: Python looks for an encoding in them."""
    recipe, needed = script.plan.recipe, libraries(script)
    names = f"{', '.join(needed[:-1])} and {needed[-1]}" if needed[1:] else needed[0]
    header = ["# A recipe of flowrun as a plain script, written by `flowrun export`.", "#"]
    header += comment(f"{recipe.name}: {recipe.about}" if recipe.about else recipe.name)
    beside = f", and beside it {', '.join(sorted(script.files))}" if script.files else ""
    header += ["#", *comment(f"It needs {names}{beside}.")]
    for note in script.notes:
        header += comment(note)
    if recipe.needs.texts:
        header += comment(f"The machine it is for: {', '.join(recipe.needs.texts)}.")
    own = __name__.partition(".")[0]
    for plugin in script.plan.registry.plugins.values():
        module = str(getattr(plugin.module, "__name__", ""))
        if hasattr(plugin.module, "flowrun_backend") and module.partition(".")[0] != own:
            header += comment(f"What the plugin {plugin.name} does around each step is left out.")
    return header
