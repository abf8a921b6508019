"""The contents of a file of tensors, and the lines by which a script takes values of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from flowrun import Format
from flowrun_tensors.exporting.networks import layers_of
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import ExportError, literal
from flowrun_tensors.formats.tensor_files import loaded_pt


class Contents(NamedTuple):
    """The contents of a file. form: `torch`, `safetensors`, `NumPy`, `folder` or a suffix.

    swapped: the arrays of NumPy that are in another byte order than this machine's.
    """

    form: str
    is_lone: bool
    values: dict[str, Value]
    swapped: frozenset[str] = frozenset()


def contents_of(chosen: Format, path: Path) -> Contents:
    """The contents of an existing file."""
    if chosen.name == "torch":
        value = loaded_pt(path)
        is_lone = not isinstance(value, dict)
    else:
        value = chosen.read(path)
        is_lone = chosen.name == "NumPy" and path.read_bytes()[:6] == b"\x93NUMPY"
        others = [key for key in value if key != "data"]
        if others and value.get("data") is value[others[0]]:  # by which a lone one goes as well
            del value["data"]
        value = value["data"] if is_lone else value
    named = {"data": value} if is_lone else {str(key): item for key, item in value.items()}
    swapped = _swapped(path) if chosen.name == "NumPy" else frozenset()
    described = {key: _described(item) for key, item in named.items()}
    return Contents(chosen.name, is_lone, described, swapped)


def _swapped(path: Path) -> frozenset[str]:
    """The arrays of a file, which can be read, that are in another byte order."""
    import numpy

    loaded = numpy.load(path, mmap_mode="r", allow_pickle=False)
    if isinstance(loaded, numpy.ndarray):
        return frozenset() if loaded.dtype.isnative else frozenset({"data"})
    with loaded:
        return frozenset(name for name in loaded.files if not loaded[name].dtype.isnative)


def _described(value: Any) -> Value:
    """A value of a file, described for a script."""
    if hasattr(value, "dtype"):
        return Value("", "tensor", str(value.dtype).removeprefix("torch."), tuple(value.shape))
    return Value("", "dict", detail=layers_of(value)) if isinstance(value, dict) else Value("")


def give_contents(step: StepLines, contents: Contents, code: str, more: str = "") -> None:
    """Give the values that the recipe names, from a file of tensors."""
    saved, outputs = step.local("saved"), list(step.step.wires.outputs)
    if contents.form == "NumPy":
        step.script.use("numpy")
        reading, pattern = f"numpy.load({code})", "torch.from_numpy({})"
    elif contents.form == "safetensors":
        step.script.use("safetensors.torch", "load_file")
        reading, pattern = f"load_file({code})", "{}"
    else:
        reading, pattern = f"torch.load({code}{more})", "{}"
    if step.script.device != "cpu" and (more or contents.form != "torch"):
        pattern += f".to({literal(step.script.device)})"
    keys = {name: name for name in contents.values}
    if len(keys) == 1 and contents.form != "folder":
        (key,) = keys
        is_alone = contents.is_lone or key == "data"
        is_renamed = is_alone and len(outputs) == 1 and outputs != ["columns"]
        keys |= dict.fromkeys(outputs if is_renamed else ["data"], key)
    if missing := [name for name in outputs if name not in keys and name != "columns"]:
        there = ", ".join(contents.values)
        raise ExportError(f"the file holds no `{missing[0]}`; it holds: {there}")
    if not contents.is_lone:
        step.add(f"{saved} = {reading}")
    for name in outputs:
        if name not in keys:
            value = step.give(name)
            step.add(*([f"{value} = None"] if step.wants(name) else []))
            continue
        item = reading if contents.is_lone else f"{saved}[{literal(keys[name])}]"
        if keys[name] in contents.swapped:
            item += f".astype({literal(contents.values[keys[name]].dtype)})"
        value = step.give_like(name, contents.values[keys[name]])
        step.add(f"{value} = {pattern.format(item)}")
