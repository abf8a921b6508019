"""The short form of `load`."""

from __future__ import annotations

from pathlib import Path, PurePath

from flowrun import Dataset, Format, download, locate
from flowrun_tensors.exporting.paths import checked_file, here, resolved, saved_path
from flowrun_tensors.exporting.saved_folders import load_folder
from flowrun_tensors.exporting.script import StepLines
from flowrun_tensors.exporting.tensor_files import contents_of, give_contents
from flowrun_tensors.exporting.text import ExportError, call, literal
from flowrun_tensors.formats import FORMATS
from flowrun_tensors.formats.csv_text import begun_table, opened_text

_COUNTED = 2**24  # bytes of a text up to which its rows are counted


def load(step: StepLines) -> None:
    """`csv.reader` and `torch.tensor`, or `torch.load`, as the file needs."""
    source, registry = step.options.source, step.script.plan.registry
    if step.options.names or step.options.into:
        raise ExportError("`load` with `names` or `into` has no short form: use `values`")
    path = resolved(step, source)
    if path in step.script.written and "://" not in source and source not in registry.datasets:
        contents = step.script.written[path]
        code = saved_path(step, source, path, is_folder=contents.form == "folder")
        if contents.form.startswith("."):
            _load_own(step, registry.formats[contents.form], code)
        else:
            give_contents(step, contents, code)
    elif "://" in source:
        path = download(source, step.options.sha256 or "")
        name = PurePath(source.rsplit("/", 1)[-1].partition("?")[0]).name or path.name
        _load_file(step, path, checked_file(step, name, path, source), name)
    elif source in registry.datasets:
        _load_dataset(step, registry.datasets[source])
    elif path.is_dir() or ("/" in source and not path.suffix):
        load_folder(step, path)
    elif not path.is_file():
        raise ExportError(f"there is no file {source}, and no data set of that name")
    else:
        _load_file(step, path, here(step, source, path), path.name)


def _load_dataset(step: StepLines, dataset: Dataset) -> None:
    found = locate(dataset, standin=step.script.standin)
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
    _load_file(step, found.path, checked_file(step, name, found.path, get), name)


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
        give_contents(step, contents_of(chosen, path), code, ', map_location="cpu"')


def _load_csv(step: StepLines, path: Path, code: str) -> None:
    given = step.options
    with opened_text(path) as lines:
        begun = begun_table(lines, path, given.delimiter, given.header)
        reader, columns = begun.reader, begun.columns
        rows = sum(1 for row in reader if row) if path.stat().st_size <= _COUNTED else None
    rows = rows if rows is None or columns is not None else rows + 1
    are_commented = columns is not None and begun.end <= begun.comments
    step.script.use("csv")
    delimiter = reader.dialect.delimiter
    more = "" if delimiter == "," else f", delimiter={literal(delimiter)}"
    more += ", quotechar=None, quoting=csv.QUOTE_NONE" if delimiter == '"' else ""
    file, cells = step.local("file"), step.local("rows")
    below = f"list({file})[{begun.comments}:]" if begun.comments else file
    reading = f"csv.reader({below}{more})"
    opened = f'open({code}, newline="", encoding="utf-8-sig")'
    step.block(f"with {opened} as {file}:", f"{cells} = [row for row in {reading} if row]")
    outputs = list(step.step.wires.outputs)
    unknown = [name for name in outputs if name not in ("data", "columns")]
    if unknown and len(outputs) > 1:
        raise ExportError(f"{path.name} holds no `{unknown[0]}`; it holds: data, columns")
    if "columns" in outputs:
        names = None if columns is None else tuple(columns)
        value = step.give("columns", "list" if columns else "", detail=names)
        if step.wants("columns"):
            names_code = (
                literal(columns) if are_commented else f"[cell.strip() for cell in {cells}[0]]"
            )
            step.add(f"{value} = {names_code if columns else None}")
    known = {"dtype": step.script.dtype, "shape": (rows, begun.width), "is_own": True}
    for name in [name for name in outputs if name != "columns"]:
        start = f"{cells}[1:]" if columns is not None and not are_commented else cells
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
