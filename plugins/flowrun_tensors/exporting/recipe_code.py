"""The recipe itself as Python: its settings as constants, and a `main` that calls its steps.

What is made here is the text of a module that imports the steps. Like any other module it is taken
into the script, where the imports become the steps' own code.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
from collections.abc import Callable
from typing import Any

from flowrun import Plan
from flowrun_tensors.exporting.collecting import ExportError
from flowrun_tensors.exporting.data import (
    Data,
    dataset_lines,
    file_lines,
    format_lines,
    model_lines,
)
from flowrun_tensors.exporting.layout import Code, Group, call, lines, literal, quoted

SETTINGS = ("FOLDER", "DEVICE", "DTYPE")
_TAKEN = {"FORMATS", "DATASETS", "MODELS", "Any", "Dataset", "Format", "Model", "Path", "Recipe",
          "ctx", "made", "main", "placed", "recipe", *SETTINGS, *keyword.kwlist,
          *dir(builtins)}  # fmt: skip


class RecipeCode:
    """The text of a plan's module, and the functions that it imports.

    functions: where each function is imported from: its module and its name there.
    """

    def __init__(self, plan: Plan, data: Data) -> None:
        self._plan = plan
        self._data = data
        self.functions: dict[str, tuple[str, str]] = {}
        published = [name for step in plan.steps for name in step.wires.outputs.values()]
        self._variables = {name: _variable(name, published) for name in published}
        self._aliases: dict[Callable[..., Any], str] = {}
        self.folder = plan.steps[0].folder.absolute()
        body = self._main()
        tables = [*self._format_lines(), *dataset_lines(data), *self._model_lines()]
        self.text = "\n".join([*self._imports(), *self._settings(), *tables, *body, ""])

    def step_alias(self, step: Any) -> str:
        """The name under which a step's function is imported."""
        return self._alias(inspect.unwrap(step.step.function))

    def _alias(self, function: Callable[..., Any]) -> str:
        if function not in self._aliases:
            wish = name = getattr(function, "__name__", "")
            taken = {*_TAKEN, *self._variables.values(), *self._aliases.values()}
            while name in taken:
                name += "_"
            self._aliases[function] = name
            self.functions[name] = (function.__module__, wish)
        return self._aliases[function]

    def _imports(self) -> list[str]:
        given = [f"from {module} import {name} as {alias}"
                 for alias, (module, name) in self.functions.items()]  # fmt: skip
        return [
            "from pathlib import Path",
            "from typing import Any",
            "from flowrun import Dataset, Format, Model",
            "from flowrun_tensors.exporting.surroundings import Recipe, placed",
            *given,
        ]

    def _settings(self) -> list[str]:
        recipe = self._plan.recipe
        return [
            f"FOLDER = Path({quoted(str(self.folder))})  # relative paths of the recipe start here",
            f"DEVICE = {quoted(recipe.device)}",
            f"DTYPE = {quoted(recipe.dtype)}",
            *file_lines(self._data),
        ]

    def _format_lines(self) -> list[str]:
        functions = {}
        for chosen in self._data.formats:
            for function in (chosen.read, chosen.write):
                if function is not None:
                    functions[function] = self._alias(function)
        return format_lines(self._data, functions)

    def _model_lines(self) -> list[str]:
        functions = [one for model in self._data.models for one in (model.init, model.forward)]
        return model_lines(self._data, {one: self._alias(one) for one in functions})

    def _main(self) -> list[str]:
        settings: dict[str, Code] = {name.lower(): name for name in SETTINGS}
        settings |= {"formats": "FORMATS"} if self._data.formats else {}
        settings |= {"datasets": "DATASETS"} if self._data.datasets else {}
        settings |= {"models": "MODELS"} if self._data.models else {}
        ordered = {name: settings[name] for name in sorted(settings, key=_recipe_order)}
        made = [
            "def main() -> dict[str, Any]:",
            f'    """Run the recipe {self._plan.recipe.name}; gives the final values by name."""',
            *lines(call("Recipe", [], ordered), 4, "recipe = "),
        ]
        if self._plan.recipe.needs.texts:
            needs = [quoted(text) for text in self._plan.recipe.needs.texts]
            made += lines(call("recipe.needs", needs, {}), 4)
        for step in self._plan.steps:
            made += self._step(step)
        made.append("")
        if "metrics" in self._variables:
            made.append(f'    print("metrics:", {self._variables["metrics"]})')
        final = [(f"{quoted(name)}: ", one) for name, one in self._variables.items()]
        return [*made, *lines(Group("{", tuple(final), "}"), 4, "return ")]

    def _step(self, step: Any) -> list[str]:
        around: dict[str, Code] = {"seed": repr(step.seed)}
        for key in ("device", "dtype"):
            if getattr(step, key) is not None:
                around[key] = quoted(getattr(step, key))
        folder = step.folder.absolute()
        if folder != self.folder:
            around["folder"] = f"Path({quoted(str(folder))})"
        is_moved = step.device is not None or step.dtype is not None
        takes_context = step.step.takes_context
        function = self.step_alias(step)
        inputs = {name: self._input(one, is_moved) for name, one in step.wires.inputs.items()}
        named = step.wires.named
        first = [] if named is None else [
            Group("{", tuple((f"{quoted(name)}: ", self._input(one, is_moved))
                             for name, one in named.items()), "}")
        ]  # fmt: skip
        options = self._options(step)
        context: dict[str, Code] = {"ctx": "ctx"} if takes_context else {}
        code = call(function, first, {**inputs, **options, **context})
        targets = [self._variables[name] for name in step.wires.outputs.values()]
        is_dict = step.step.outputs_of is not None
        before, unpacked = "", []
        if targets:
            before = f"{', '.join(targets)} = "
            if is_dict:
                before = "made = "
                unpacked = [f"    {self._variables[target]} = made[{quoted(name)}]"
                            for name, target in step.wires.outputs.items()]  # fmt: skip
        end = " as ctx:" if takes_context or is_moved else ":"
        return [
            *self._comment(step),
            *lines(call("recipe.step", [quoted(step.id)], around), 4, "with ", end),
            *lines(code, 8, before),
            *unpacked,
        ]

    def _comment(self, step: Any) -> list[str]:
        failing = self._plan.expectations.error
        expected = failing is not None and failing.step == step.id
        more = "; the recipe expects it to fail" if expected else ""
        return ["", f"    # {step_title(step)}{more}"]

    def _input(self, value: str, is_moved: bool) -> str:
        return f"placed({self._variables[value]}, ctx)" if is_moved else self._variables[value]

    def _options(self, step: Any) -> dict[str, Code]:
        """The options that the recipe gives; the others have the function's own defaults."""
        entry = next(entry for entry in self._plan.recipe.steps if entry.id == step.id)
        given = getattr(entry.options, "entries", {})
        own = {option.name for option in step.step.options}
        made = {}
        for name, value in step.keywords.items():
            if name in given or name not in own:
                try:
                    made[name] = literal(value)
                except ValueError as error:
                    message = f"its option `{name}` holds {error}, which no literal makes"
                    raise ExportError(f"{step.step.place}: {message}") from None
        return made


def step_title(step: Any) -> str:
    """The step's id, and the line of the recipe at which it stands."""
    return f"{step.id} ({step.mark.source.name}:{step.mark.line + 1})"


def require_function(function: Callable[..., Any]) -> None:
    """Raise ExportError where a function is not one that stands at the top of a module."""
    name = getattr(function, "__qualname__", "")
    if not name.isidentifier() or not getattr(function, "__module__", None):
        code = getattr(function, "__code__", None)
        place = f"{code.co_filename}:{code.co_firstlineno}: " if code is not None else ""
        message = f"its function `{name or function!r}` does not stand at the top of a module"
        raise ExportError(f"{place}{message}\n    define it there, with `def`")


def _recipe_order(name: str) -> int:
    return ("device", "dtype", "folder", "formats", "datasets", "models").index(name)


def _variable(name: str, others: list[str]) -> str:
    """The variable that holds a value: of its name, where that is free in `main`."""
    while name in _TAKEN:
        name += "_"
        while name in others:
            name += "_"
    return name
