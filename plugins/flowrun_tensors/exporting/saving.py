"""The short form of `save`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from flowrun_tensors.exporting.paths import resolved, saved_path, script_path
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.tensor_files import Contents
from flowrun_tensors.exporting.text import ExportError, call, literal, mapping
from flowrun_tensors.formats import FORMATS


def save(step: StepLines) -> None:
    """`torch.save`, or another function for the file's suffix."""
    path, named = resolved(step, step.options.to), step.named
    chosen = step.script.plan.registry.formats.get(path.suffix.lower())
    if not named:
        raise ExportError("there is nothing to save here: name the values with `values: [...]`")
    if chosen is not None and chosen.write is None:
        raise ExportError(f"{chosen.name} files ({path.name}) are only read, not written")
    form = "folder" if chosen is None else chosen.name
    is_own = any(chosen is one for one in (None, *FORMATS))
    target = saved_path(step, step.options.to, path, is_folder=chosen is None)
    folder = PurePath(script_path(step, step.options.to, path))
    folder = folder if chosen is None else folder.parent
    if str(folder) != "." and not step.script.is_seen(f"folder {folder}"):
        where = f"{step.script.here()} / {literal(folder.as_posix())}"
        step.add(f"({where}).mkdir(parents=True, exist_ok=True)")
    items = {name: _saved(value, form) for name, value in named.items()}
    values = {name: replace(value, is_own=True) for name, value in named.items()}
    is_lone = len(items) == 1 and form in ("torch", "NumPy")
    step.script.written[path] = Contents(form if is_own else path.suffix, is_lone, values)
    content = mapping((literal(name), code) for name, code in items.items())
    if not is_own:
        assert chosen is not None
        assert chosen.write is not None
        step.add(call(step.script.own_function(chosen.write), [target, content], {}))
    elif form == "NumPy":
        if not is_lone and (taken := {"file", "allow_pickle"} & set(items)):
            raise ExportError(f"numpy.savez takes no array named `{min(taken)}`")
        step.script.use("numpy")
        file = step.local("file")
        step.begin(f'with open({target}, "wb") as {file}:')
        step.add(call("numpy.save", [file, *items.values()], {}) if is_lone
                 else call("numpy.savez", [file], items))  # fmt: skip
        step.end()
    elif form == "safetensors":
        step.script.use("safetensors.torch", "save_file")
        step.add(f"save_file({content}, {target})")
    elif is_lone or len(items) == 1:
        step.add(f"torch.save({next(iter(items.values())) if is_lone else content}, {target})")
    else:
        saved = step.local("saved")
        step.add(f"{saved} = {call('dict', [], items)}", f"torch.save({saved}, {target})")


def _saved(value: Value, form: str) -> str:
    """A value as it is saved: a tensor with a memory of its own, that no larger one is written."""
    if value.kind != "tensor" and form in ("folder", "torch"):
        return value.name
    if form == "NumPy":
        return f"{value.name}.numpy(force=True)"
    if value.is_own:
        return value.name
    return f"{value.name}.clone()" if form == "torch" else f"{value.name}.contiguous().clone()"
