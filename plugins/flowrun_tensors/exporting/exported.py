"""A plan turned into a script."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowrun import FlowrunError, Plan
from flowrun_tensors.exporting.collecting import Collector, ExportError, Piece
from flowrun_tensors.exporting.data import data_of
from flowrun_tensors.exporting.recipe_code import (
    SETTINGS,
    RecipeCode,
    require_function,
    step_title,
)
from flowrun_tensors.exporting.script import Sections, script_text
from flowrun_tensors.exporting.sources import Library, Module
from flowrun_tensors.exporting.structs import make_dataclasses

_HERE = "flowrun_tensors.exporting"
_TEMPLATES = (f"{_HERE}.prelude", f"{_HERE}.surroundings", f"{_HERE}.safetensors_files")
_IN_PLACE_OF = {
    "flowrun": _TEMPLATES[0],
    "safetensors": _TEMPLATES[2],
    "flowrun_tensors.formats.csv_engine": f"{_HERE}.no_csv_engine",
    "flowrun_tensors.engines.choice": f"{_HERE}.training_loop",
}
_RECIPE = "flowrun_exported_recipe"


def export_script(plan: Plan) -> str:
    """One plain Python script that does what a plan does.

    It gives the bits that a run gives whose trainings take the engine `autograd`: a script trains
    by that loop, whatever the recipe says of engines.

    It needs torch, and what the steps import themselves. Running it calls its `main`, which prints
    the metrics and gives the final values by name. Raises FlowrunError, naming step, file and line,
    where code cannot become part of a script, and DataError where a data set cannot be had.
    """
    modules = [step.step.function.__module__ for step in plan.steps]
    modules += [getattr(each.module, "__name__", "") for each in plan.registry.plugins.values()]
    library = Library(modules, _IN_PLACE_OF)
    collector = Collector(library)
    data = data_of(plan)
    sections: Sections = []
    for step in plan.steps:
        with _said_of(f"{step.mark}: the step `{step.id}`"):
            function = inspect.unwrap(step.step.function)
            sections.append((step_title(step), _collected(function, library, collector)))
    for chosen in data.formats:
        with _said_of(f"{plan.recipe.source.name}: the format {chosen.name}"):
            pieces = _collected(chosen.read, library, collector)
            if chosen.write is not None:
                pieces += _collected(chosen.write, library, collector)
            sections.append((f"{chosen.name} files", pieces))
    with _said_of(f"{plan.recipe.source.name}: the recipe"):
        code = RecipeCode(plan, data)
        recipe = Module(_RECIPE, "", Path(_RECIPE), code.text.encode())
        library.add(recipe)
        sections.append(("the recipe", collector.collect(recipe, "main")))
        make_dataclasses(piece for _, inside in sections for piece in inside)
        text = script_text(_header(plan), _arranged(sections, recipe, collector), recipe, collector)
    try:
        ast.parse(text)
    except SyntaxError as error:
        message = f"what is made of it is no Python: {error.msg}: {(error.text or '').strip()}"
        raise FlowrunError(f"{plan.recipe.name} cannot be exported\n    {message}") from None
    return text


def _collected(function: Callable[..., Any], library: Library, collector: Collector) -> list[Piece]:
    """The pieces of a function that stands at the top of a module."""
    require_function(function)
    if not library.holds(function.__module__):
        return []  # a library's own, which is imported
    module = library.find(function.__module__)
    if module is None or not module.giving(function.__name__):
        message = f"the source of `{function.__module__}.{function.__name__}` cannot be had"
        raise ExportError(f"{message}\n    export takes the code from .py files")
    return collector.collect(module, function.__name__)


@contextmanager
def _said_of(what: str) -> Iterator[None]:
    try:
        yield
    except ExportError as error:
        raise FlowrunError(f"{what} cannot be exported\n    {error}") from None


def _header(plan: Plan) -> list[str]:
    recipe = plan.recipe
    where = f" ({recipe.source.name})" if recipe.source.name else ""
    header = [f"The recipe {recipe.name}{where} as one script, made by `flowrun export`."]
    if recipe.about:
        header.append(recipe.about)
    own = __name__.partition(".")[0]
    for plugin in plan.registry.plugins.values():
        name = str(getattr(plugin.module, "__name__", ""))
        if hasattr(plugin.module, "flowrun_backend") and name.partition(".")[0] != own:
            header.append(f"What the plugin `{plugin.name}` does round each step is left out.")
    return header


def _arranged(sections: Sections, recipe: Module, collector: Collector) -> Sections:
    """The settings first, then what steps have of flowrun, then the steps, and the recipe last."""
    found = {piece: None for _, inside in sections for piece in inside}
    settings = {piece for piece in found if piece.module is recipe and _is_setting(piece)}
    shared: dict[Piece, None] = {}
    waiting = [piece for piece in found if piece.module.name in _TEMPLATES]
    while waiting:
        piece = waiting.pop()
        if piece not in shared:
            shared[piece] = None
            waiting += piece.needs
    arranged = [("settings", list(settings)), ("what the steps have of flowrun", list(shared))]
    first = {*settings, *shared}
    arranged += [(title, [piece for piece in inside if piece not in first])
                 for title, inside in sections]  # fmt: skip
    return [(title, collector.in_order(inside)) for title, inside in arranged]


def _is_setting(piece: Piece) -> bool:
    """Whether a piece of the recipe's module is one of its constants, and no table."""
    return any(name in SETTINGS or name.endswith("_FILE") for name in piece.statement.binds)
