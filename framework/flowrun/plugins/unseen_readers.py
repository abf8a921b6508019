"""Calls by which a library opens a file itself, in C++ or Rust, where it cannot be seen."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from flowrun.plugins.steps import Step

# By their full names.
_READERS = """
    cv2.FileStorage cv2.VideoCapture cv2.imread duckdb.connect duckdb.read_* h5py.File
    netCDF4.Dataset onnxruntime.InferenceSession polars.read_* polars.scan_* pyarrow.OSFile
    pyarrow.csv.* pyarrow.dataset.dataset pyarrow.feather.read_* pyarrow.input_stream
    pyarrow.json.* pyarrow.memory_map pyarrow.orc.* pyarrow.parquet.ParquetDataset
    pyarrow.parquet.ParquetFile pyarrow.parquet.read_* rasterio.open safetensors.safe_open
    safetensors.numpy.load_file safetensors.torch.load_* soundfile.read tables.open_file
    torch.from_file torch.jit.load torchaudio.load torchvision.io.read_* xarray.load_*
    xarray.open_*
""".split()


def undeclared_reads(step: Step[..., Any]) -> Iterator[tuple[str, str, int]]:
    """The readers that a step's own function calls on a path that nobody declares: file and line.

    A path is declared if it comes from an option, whose file counts, or from `ctx.reads`.
    """
    function = inspect.unwrap(step.function)
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError):
        return
    declared = {option.name for option in step.options}
    for target, value in _bindings(tree):
        if _is_declared(value, declared):
            declared |= {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
    names = {**_modules(function.__globals__), **_imported(tree)}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or _is_declared(call, declared):
            continue
        name = _full_name(call.func, names)
        if name is not None and any(fnmatchcase(name, reader) for reader in _READERS):
            yield name, function.__code__.co_filename, first + call.lineno - 1


def _bindings(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets to which values are assigned, in `with` and `for` as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target, node.value) for target in node.targets)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            yield node.target, node.value
        elif isinstance(node, (ast.For, ast.comprehension)):
            yield node.target, node.iter
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield node.optional_vars, node.context_expr


def _is_declared(value: ast.AST, declared: set[str]) -> bool:
    """Whether an expression has a name that stands for a declared path, or calls `ctx.reads`."""
    return any(
        (isinstance(node, ast.Name) and node.id in declared)
        or (isinstance(node, ast.Attribute) and node.attr == "reads")
        for node in ast.walk(value)
    )


def _modules(names: dict[str, Any]) -> dict[str, str]:
    """The full names of modules, and of functions that modules define, among global names."""
    found = {}
    for name, value in names.items():
        if isinstance(value, ModuleType):
            found[name] = value.__name__
        elif callable(value) and isinstance(getattr(value, "__module__", None), str):
            found[name] = f"{value.__module__}.{getattr(value, '__name__', name)}"
    return found


def _imported(tree: ast.AST) -> dict[str, str]:
    """The full names of what is imported inside a function."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                top = one.name.partition(".")[0]
                found[one.asname or top] = one.name if one.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def _full_name(function: ast.expr, names: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name) or function.id not in names:
        return None
    return ".".join([names[function.id], *reversed(parts)])
