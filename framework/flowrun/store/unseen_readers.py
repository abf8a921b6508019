"""Calls by which a library opens a file itself, in C++ or Rust, unseen by flowrun."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any, NamedTuple

from flowrun.plugins.steps import Step
from flowrun.store.syntax import dotted_name, imported

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


class UnseenRead(NamedTuple):
    """A call of a reader that cannot be seen, with its file and line (counted from 1)."""

    reader: str
    file: str
    line: int

    @property
    def message(self) -> str:
        """The consequence of the call, as text."""
        return f"the file that `{self.reader}` reads is not seen, so a change of it is not noticed"


HINT = "give it the path through ctx.reads(path)"


def undeclared_reads(step: Step[..., Any]) -> tuple[UnseenRead, ...]:
    """The readers that a step's own function calls on an undeclared path.

    A path is declared if it comes from an option, whose file counts, or from `ctx.reads`.
    """
    options = frozenset(option.name for option in step.options)
    return _undeclared_reads(inspect.unwrap(step.function), options)


@functools.lru_cache(maxsize=256)  # a recipe may have many steps of one function
def _undeclared_reads(
    function: Callable[..., Any], options: frozenset[str]
) -> tuple[UnseenRead, ...]:
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError):
        return ()
    declared = set(options)
    for target, value in _bindings(tree):
        if _is_declared(value, declared):
            declared |= {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
    names = {**_modules(function.__globals__), **_imported(tree, function.__globals__)}
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or _is_declared(call, declared):
            continue
        base, dot, rest = (dotted_name(call.func) or "").partition(".")
        reader = f"{names.get(base)}{dot}{rest}"
        if any(fnmatchcase(reader, one) for one in _READERS):
            found.append(UnseenRead(reader, function.__code__.co_filename, first + call.lineno - 1))
    return tuple(found)


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


def _imported(tree: ast.AST, names: dict[str, Any]) -> dict[str, str]:
    """The full names of imports inside a function. names: its global ones."""
    return {
        name: ".".join(filter(None, [found.module, found.attribute]))
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name, found in imported(node, names.get("__package__") or "")
        if name is not None
    }
