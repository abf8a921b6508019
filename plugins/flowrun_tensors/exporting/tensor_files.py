"""What a file of tensors holds, and how a script takes values of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from flowrun import Format
from flowrun_tensors.exporting.networks import layers_of
from flowrun_tensors.exporting.script import ExportError, StepLines, Value
from flowrun_tensors.exporting.text import literal


class Held(NamedTuple):
    """What a file of tensors holds. form: `torch`, `safetensors`, `NumPy`, `folder` or a suffix."""

    form: str
    is_lone: bool
    values: dict[str, Value]


def held_in(chosen: Format, path: Path) -> Held:
    """What a file that is there holds."""
    if chosen.name == "torch":
        import torch

        value = torch.load(path, map_location="cpu", weights_only=True)
        is_lone = not isinstance(value, dict)
    else:
        value = chosen.read(path)
        is_lone = chosen.name == "NumPy" and path.read_bytes()[:6] == b"\x93NUMPY"
        others = [key for key in value if key != "data"]
        if others and value.get("data") is value[others[0]]:  # by which a lone one goes as well
            del value["data"]
        value = value["data"] if is_lone else value
    named = {"data": value} if is_lone else {str(key): item for key, item in value.items()}
    return Held(chosen.name, is_lone, {key: _described(item) for key, item in named.items()})


def _described(value: Any) -> Value:
    """What is known of a value that a file holds."""
    if hasattr(value, "dtype"):
        return Value("", "tensor", str(value.dtype).removeprefix("torch."), tuple(value.shape))
    return Value("", "dict", detail=layers_of(value)) if isinstance(value, dict) else Value("")


def give_held(step: StepLines, held: Held, code: str, more: str = "") -> None:
    """Give the values that the recipe names, of those that a file of tensors holds."""
    saved, outputs = step.local("saved"), list(step.step.wires.outputs)
    if held.form == "NumPy":
        step.script.use("numpy")
        reading, pattern = f"numpy.load({code})", "torch.from_numpy({})"
    elif held.form == "safetensors":
        step.script.use("safetensors.torch", "load_file")
        reading, pattern = f"load_file({code})", "{}"
    else:
        reading, pattern = f"torch.load({code}{more})", "{}"
    if step.script.device != "cpu" and (more or held.form != "torch"):
        pattern += f".to({literal(step.script.device)})"
    keys = {name: name for name in held.values}
    if len(keys) == 1:  # a lone value goes by the name that the recipe gives it
        keys |= {name: next(iter(keys)) for name in outputs if name == "data" or outputs == [name]}
    if missing := [name for name in outputs if name not in keys and name != "columns"]:
        raise ExportError(f"the file holds no `{missing[0]}`; it holds: {', '.join(held.values)}")
    if not held.is_lone:
        step.add(f"{saved} = {reading}")
    for name in outputs:
        if name not in keys:
            value = step.give(name)
            step.add(*([f"{value} = None"] if step.wants(name) else []))
            continue
        item = reading if held.is_lone else f"{saved}[{literal(keys[name])}]"
        value = step.give_like(name, held.values[keys[name]])
        step.add(f"{value} = {pattern.format(item)}")
