"""The short forms of `load` and `save`, and the paths that a script has for their files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from flowrun import Dataset, Format, download, locate
from flowrun_tensors.exporting.networks import Layers, Own, layers_of
from flowrun_tensors.exporting.script import ExportError, Script, StepLines, Value
from flowrun_tensors.exporting.text import call, literal, mapping
from flowrun_tensors.formats import FORMATS
from flowrun_tensors.formats.csv_text import begun_table, opened_text
from flowrun_tensors.models import ACTIVATIONS

_VALUES = "values.pt"  # in the folder where `save` writes values.json and safetensors
_COUNTED = 2**24  # bytes of a text up to which its rows are counted


def load(step: StepLines) -> None:
    """`csv.reader` and `torch.tensor`, or `torch.load`, as the file needs."""
    source, registry = step.options.source, step.script.plan.registry
    path = _resolved(step, source)
    if path in step.script.written and "://" not in source and source not in registry.datasets:
        held = step.script.written[path]
        code = _target(step, source, path, is_folder=held.form == "folder")
        if held.form.startswith("."):
            _load_own(step, registry.formats[held.form], code)
        else:
            _give(step, held, code)
    elif "://" in source:
        path = download(source, step.options.sha256 or "")
        name = PurePath(source.rsplit("/", 1)[-1].partition("?")[0]).name or path.name
        _load_file(step, path, _constant(step, name, path, source), name)
    elif source in registry.datasets:
        _load_dataset(step, registry.datasets[source])
    elif path.is_dir() or not path.suffix:
        _load_folder(step, path)
    elif not path.is_file():
        raise ExportError(f"there is no file {source}, and what it holds decides how it is read")
    else:
        _load_file(step, path, here(step, source, path), path.name)


def _load_dataset(step: StepLines, dataset: Dataset) -> None:
    found = locate(dataset)
    name = found.path.name
    if found.kind == "stand-in":
        note = f"{name} is a SIMULATED STAND-IN for {dataset.name}, NOT THE REAL DATA:"
        note += f" that is at {dataset.url}."
        get = ""
        step.script.use("sys")
        warning = f"SIMULATED STAND-IN for {dataset.name}, not the real data"
        step.add(f"print({literal(warning)}, file=sys.stderr)")
    else:
        note = f"{name} is the data set {dataset.name} ({dataset.licence}; {dataset.citation})."
        get = dataset.url
    if not step.script.is_seen(note):
        step.script.notes.append(note)
    _load_file(step, found.path, _constant(step, name, found.path, get), name)


def _constant(step: StepLines, name: str, path: Path, url: str) -> str:
    """The name of a constant for a file that is to be had elsewhere, and that must be there.

    url: where; empty if only an export writes it.
    """
    script = step.script
    where = _beside(script, name, path)
    if where in script.constant_of:
        return script.constant_of[where]
    script.files[where] = path
    words = "".join(one if one.isalnum() else "_" for one in PurePath(where).stem.upper())
    constant = script.constant(words if words.isascii() and words.isidentifier() else "SOURCE",
                               f"{script.here()} / {literal(where)}")  # fmt: skip
    script.constant_of[where] = constant
    message = literal(f"{where} is missing: {'get it at ' if url else 'export writes it with -o'}")
    if url:
        message += f" + {script.constant('URL', literal(url))}"
    step.begin(f"if not {constant}.exists():")
    step.add(f"raise SystemExit({message})")
    step.end()
    return constant


def _load_file(step: StepLines, path: Path, code: str, name: str) -> None:
    """What stands in a file that is there already."""
    suffix = PurePath(name).suffix.lower()
    chosen = step.script.plan.registry.formats.get(suffix)
    if chosen is None:
        raise ExportError(f"there is no format for files named *{suffix} ({name})")
    if not any(chosen is own for own in FORMATS):
        _load_own(step, chosen, code)
    elif chosen.name == "CSV":
        _load_csv(step, path, code)
    else:
        _give(step, _held(chosen, path), code, ', map_location="cpu"')


def _load_csv(step: StepLines, path: Path, code: str) -> None:
    given = step.options
    with opened_text(path) as lines:
        reader, first, columns = begun_table(lines, path, given.delimiter, given.header)
        rows = sum(1 for row in reader if row) if path.stat().st_size <= _COUNTED else None
    rows = rows if rows is None or columns is not None else rows + 1
    step.script.use("csv")
    delimiter = reader.dialect.delimiter
    more = "" if delimiter == "," else f", delimiter={literal(delimiter)}"
    file, cells = step.local("file"), step.local("rows")
    reading = f"csv.reader({file}{more})"
    step.begin(f'with open({code}, newline="", encoding="utf-8-sig") as {file}:')
    step.add(f"{cells} = [row for row in {reading} if row]")
    step.end()
    outputs = list(step.step.wires.outputs)
    unknown = [name for name in outputs if name not in ("data", "columns")]
    if unknown and len(outputs) > 1:
        raise ExportError(f"{path.name} holds no `{unknown[0]}`; it holds: data, columns")
    if "columns" in outputs:
        names = None if columns is None else tuple(columns)
        value = step.give("columns", "list" if columns else "", detail=names)
        if step.wants("columns"):
            step.add(f"{value} = {f'[cell.strip() for cell in {cells}[0]]' if columns else None}")
    known = {"dtype": step.script.dtype, "shape": (rows, len(first)), "is_own": True}
    for name in [name for name in outputs if name != "columns"]:
        start = f"{cells}[1:]" if columns is not None else cells
        numbers = f"[[float(cell) for cell in row] for row in {start}]"
        step.add(f"{step.give(name, 'tensor', **known)} = torch.tensor({numbers})")


def _load_own(step: StepLines, chosen: Format, code: str) -> None:
    """A file of a plugin's format, by the plugin's own function."""
    given = {name: getattr(step.options, name, None) for name in chosen.settings}
    given = {name: literal(value) for name, value in given.items() if value is not None}
    if "dtype" in chosen.settings:
        given["dtype"] = literal(step.script.dtype)
    read = step.script.own_function(chosen.read)
    loaded = step.local("loaded")
    step.add(f"{loaded} = {call(read, [code], given)}")
    for name in step.step.wires.outputs:
        item = f'{loaded}.get("columns")' if name == "columns" else f"{loaded}[{literal(name)}]"
        if name == "data" and "delimiter" in chosen.settings:
            item += f".to(torch.{step.script.dtype})"
        if name != "columns" or step.wants(name):
            step.add(f"{step.give(name)} = {item}")
        step.give(name)


class Held(NamedTuple):
    """What a file of tensors holds. form: `torch`, `safetensors`, `NumPy`, `folder` or a suffix."""

    form: str
    is_lone: bool
    values: dict[str, Value]


def _held(chosen: Format, path: Path) -> Held:
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


def _give(step: StepLines, held: Held, code: str, more: str = "") -> None:
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


def _load_folder(step: StepLines, path: Path) -> None:
    """The values that a run of flowrun has saved, or the file that a script saves in its place."""
    source, names, script = step.options.source, step.step.wires.outputs, step.script
    index = path / "values.json"
    if not index.is_file():
        code = here(step, f"{source}/{_VALUES}", path / _VALUES, copied=False)
        script.notes.append(f"{source}/{_VALUES} is what the script of the recipe saves that "
                            f"saves to {source}.")  # fmt: skip
        _give(step, Held("torch", False, {name: Value("") for name in names}), code)
        return
    document = json.loads(index.read_text(encoding="utf-8"))
    tensors = path / document["tensors"]
    if tensors.parent != path:
        raise ExportError(f"{source}/values.json names a file outside of its folder")
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
        if name not in document["values"]:
            raise ExportError(f"{source} holds no `{name}`")
        item = f'{joined}({read}["values"][{literal(name)}], {held})'
        value = step.give_like(name, _saved_value(step, document["values"][name]))
        step.add(f"{value} = {item}")


def _saved_value(step: StepLines, written: Any) -> Value:
    """What values.json tells of a value."""
    if isinstance(written, dict) and "tensor" in written:
        return Value("", "tensor")
    inner = written.get("dict") if isinstance(written, dict) else None
    if not isinstance(inner, dict):
        return Value("")
    models, name = step.script.plan.registry.models, inner.get("name")
    if inner.get("activation") in ACTIVATIONS:
        return Value("", "dict", detail=Layers(inner["activation"]))
    if isinstance(name, str) and name in models and inner.get("settings") == {"dict": {}}:
        return Value("", "dict", detail=Own(models[name], {}))
    return Value("", "dict", detail=layers_of(inner))


_JOINED = [
    "def NAME(value, tensors):",
    '    """A value as it was saved: lists and dicts of what is in the file of tensors."""',
    "    if not isinstance(value, dict):",
    "        return value",
    "    ((kind, content),) = value.items()",
    '    if kind == "tensor":',
    "        return tensors[content]",
    '    if kind == "list":',
    "        return [NAME(item, tensors) for item in content]",
    "    return {key: NAME(item, tensors) for key, item in content.items()}",
]


def save(step: StepLines) -> None:
    """`torch.save`, or what else the file's suffix asks for."""
    path, named = _resolved(step, step.options.to), step.named
    chosen = step.script.plan.registry.formats.get(path.suffix.lower())
    if not named:
        raise ExportError("there is nothing to save here: name the values with `values: [...]`")
    if chosen is not None and chosen.write is None:
        raise ExportError(f"{chosen.name} files ({path.name}) are only read, not written")
    form = "folder" if chosen is None else chosen.name
    is_own = any(chosen is one for one in (None, *FORMATS))
    target = _target(step, step.options.to, path, is_folder=chosen is None)
    folder = PurePath(script_path(step, step.options.to, path))
    folder = folder if chosen is None else folder.parent
    if str(folder) != "." and not step.script.is_seen(f"folder {folder}"):
        where = f"{step.script.here()} / {literal(folder.as_posix())}"
        step.add(f"({where}).mkdir(parents=True, exist_ok=True)")
    items = {name: _saved(value, form) for name, value in named.items()}
    held = {name: replace(value, is_own=True) for name, value in named.items()}
    is_lone = len(items) == 1 and form in ("torch", "NumPy")
    step.script.written[path] = Held(form if is_own else path.suffix, is_lone, held)
    content = mapping((literal(name), code) for name, code in items.items())
    if not is_own:
        assert chosen is not None
        assert chosen.write is not None
        step.add(call(step.script.own_function(chosen.write), [target, content], {}))
    elif form == "NumPy":
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


def _target(step: StepLines, text: str, path: Path, *, is_folder: bool) -> str:
    """Code of the file that `save` writes."""
    return here(step, f"{text}/{_VALUES}", path / _VALUES, copied=False) if is_folder else here(
        step, text, path, copied=False
    )  # fmt: skip


def _resolved(step: StepLines, text: str) -> Path:
    return Path(os.path.normpath(step.step.folder / Path(text).expanduser()))


def here(step: StepLines, text: str, path: Path, *, copied: bool = True) -> str:
    """Code of a path of the recipe, from the script's folder; a file that is read goes there."""
    where = script_path(step, text, path)
    if copied:
        step.script.files[where] = path
    return f"{step.script.here()} / {literal(where)}"


def script_path(step: StepLines, text: str, path: Path) -> str:
    """A path from the script's folder as from the recipe's; of one from the root, the name alone.

    So a script names no folder of the machine that writes it.
    """
    if Path(text).expanduser().is_absolute():
        return _beside(step.script, path.name, path)
    return Path(os.path.relpath(path, step.script.plan.recipe.source.folder)).as_posix()


def _beside(script: Script, name: str, path: Path) -> str:
    """A name beside the script that no other file has."""
    where = name
    while script.places.setdefault(where, path) != path:
        where = f"other_{where}"
    return where
