"""The short form of a `load` from a folder that a run has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowrun import DataError, file_below
from flowrun_tensors.exporting.networks import Layers, Own, OwnModule, layers_of
from flowrun_tensors.exporting.paths import VALUES, here
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.tensor_files import Contents, give_contents
from flowrun_tensors.exporting.text import ExportError, literal
from flowrun_tensors.extending import ModuleModel
from flowrun_tensors.models import ACTIVATIONS
from flowrun_tensors.saving import read_index

_JOINED = [
    "def NAME(value, tensors):",
    '    """A value as it was saved: lists and dicts of the tensors in the file."""',
    "    if not isinstance(value, dict):",
    "        return value",
    "    ((kind, content),) = value.items()",
    '    if kind == "tensor":',
    "        return tensors[content]",
    '    if kind == "list":',
    "        return [NAME(item, tensors) for item in content]",
    "    return {key: NAME(item, tensors) for key, item in content.items()}",
]


def load_folder(step: StepLines, path: Path) -> None:
    """The values that a run of flowrun has saved, or the file that a script saves in its place."""
    source, names, script = step.options.source, step.step.wires.outputs, step.script
    index = path / "values.json"
    if not index.is_file():
        code = here(step, f"{source}/{VALUES}", path / VALUES, copied=False)
        script.notes.append(f"{source}/{VALUES} is saved by the script of the recipe that saves "
                            f"to {source}.")  # fmt: skip
        give_contents(step, Contents("torch", False, {name: Value("") for name in names}), code)
        return
    try:
        document = read_index(index)
        tensors, named = file_below(path, document["tensors"]), dict(document["values"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, DataError) as error:
        raise ExportError(f"{source}/values.json cannot be read: {error}") from None
    here(step, f"{source}/{tensors.name}", tensors)
    script.use("json")
    script.use("safetensors.torch", "load_file")
    joined = script.helper("joined", _JOINED)
    read, held = step.local("index"), step.local("tensors")
    step.add(
        f"{read} = json.loads(({here(step, f'{source}/values.json', index)}).read_text())",
        f'{held} = load_file({here(step, source, path, copied=False)} / {read}["tensors"])',
    )
    for name in names:
        if name not in named:
            raise ExportError(f"{source} holds no `{name}`")
        item = f'{joined}({read}["values"][{literal(name)}], {held})'
        value = step.give_like(name, _saved_value(step, named[name]))
        step.add(f"{value} = {item}")


def _saved_value(step: StepLines, written: Any) -> Value:
    """A value described by values.json."""
    if isinstance(written, dict) and "tensor" in written:
        return Value("", "tensor")
    inner = written.get("dict") if isinstance(written, dict) else None
    if not isinstance(inner, dict):
        return Value("")
    models, name = step.script.plan.registry.items("flowrun_tensors_models"), inner.get("name")
    if inner.get("activation") in ACTIVATIONS:
        return Value("", "dict", detail=Layers(inner["activation"]))
    if isinstance(name, str) and name in models:
        saved = inner.get("settings", {"dict": {}})
        settings = saved.get("dict") if isinstance(saved, dict) else None
        if not isinstance(settings, dict):
            raise ExportError(f"the settings of the saved model `{name}` cannot be read")
        given = {key: literal(value) for key, value in settings.items()}
        if isinstance(models[name], ModuleModel):
            return Value("", "dict", detail=OwnModule(models[name], given))
        return Value("", "dict", detail=Own(models[name], given))
    return Value("", "dict", detail=layers_of(inner))
