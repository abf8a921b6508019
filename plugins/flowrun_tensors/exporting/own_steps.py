"""The lines of a user's step: a call of its function with the recipe's inputs and options."""

from __future__ import annotations

from flowrun_tensors.exporting.own_code import OwnCode
from flowrun_tensors.exporting.script import StepLines
from flowrun_tensors.exporting.text import call, literal, mapping

_COPIED = [
    "def NAME(value):",
    '    """A value with its lists and dicts copied, so that a step changes nothing of others."""',
    "    if isinstance(value, dict):",
    "        return {key: NAME(item) for key, item in value.items()}",
    "    if isinstance(value, (list, tuple)):",
    "        return type(value)(NAME(item) for item in value)",
    "    return value",
]


def own_step(step: StepLines, own: OwnCode) -> None:
    """A user's step: its function called with the values, the options, and `ctx` if it asks."""
    planned = step.step
    function, is_dict = own.function(planned.step.function), planned.step.outputs_of is not None
    step.seed()
    for module in ("random", "numpy"):
        if module in step.script.imports:
            seed = planned.seed % 2**32 if module == "numpy" else planned.seed
            step.add(f"{'numpy.random' if module == 'numpy' else 'random'}.seed({seed})")
    values = {name: _copied(step, name) for name in step.named}
    first = planned.wires.named
    positional = [] if first is None else [mapping((literal(name), values[name]) for name in first)]
    given = {name: values[name] for name in planned.wires.inputs}
    given |= {name: literal(value) for name, value in planned.keywords.items()}
    if planned.step.takes_context:
        about = [literal(planned.id), str(planned.seed), literal(step.script.device),
                 literal(step.script.dtype)]  # fmt: skip
        given["ctx"] = call(own.context(), about, {})
    code = call(function, positional, given)
    outputs = {name: step.give(name) for name in planned.wires.outputs}
    if is_dict:
        made = step.local("made")
        step.add(f"{made} = {code}")
        step.add(*(f"{target} = {made}[{literal(name)}]" for name, target in outputs.items()))
    else:
        step.add(f"{', '.join(outputs.values())} = {code}" if outputs else code)


def _copied(step: StepLines, name: str) -> str:
    """An input; of lists and dicts a copy, as in a run."""
    value = step.named[name]
    if value.kind in ("tensor", "number", "text"):
        return value.name
    return f"{step.script.helper('copied', _COPIED)}({value.name})"
