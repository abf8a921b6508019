"""Write docs/reference, and the tables of docs/recipes.md, from the code.

python docs/make_reference.py            writes the pages
python docs/make_reference.py --check    exits with 1 if a page is not current

The steps' options are known only to a running Python, which has the docstrings and signatures as
well: so everything comes from Python's own inspect, and no code is parsed.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from reference_entries import entry, summary, table
from reference_language import with_tables

import flowrun
from flowrun import hookspecs, testing
from flowrun_tables import flowrun_steps as table_steps
from flowrun_tensors import Model, RowReader, TableOutline, flowrun_steps
from flowrun_tensors.extending import TensorHooks

DOCS = Path(__file__).parent
RECIPES = "recipes.md"

_MADE = "Made from the code by `make reference`."
_INDEX = f"""\
# Reference

The names for recipes, plugins and programs, from the docstrings and signatures of the code.
{_MADE}

The keys of a recipe are in [the recipe language](../recipes.md), and the use of the names
below in plugins is in the [guide to plugins](../plugins.md).
"""
_FUNCTIONS = f"""\
# `flowrun`: functions

`import flowrun` loads none of them, and no torch; each name is loaded when it is first used.
{_MADE}
"""
_CLASSES = f"""\
# `flowrun`: classes and errors

{_MADE}
"""
_TESTING = f"""\
# `flowrun.testing`

For the tests of steps; [how to use it](../testing-steps.md). {_MADE}
"""
_HOOKS = f"""\
# Hooks

A plugin implements those it needs, each marked with `@flowrun.hookimpl`, and may leave out
arguments that it does not need; [how to use them](../plugins.md#hooks). {_MADE}
"""
_STEPS = f"""\
# The built-in steps

Their inputs, outputs and options; `flowrun steps NAME` shows the same. Beside these there are
the [steps of plugins](../plugins.md). {_MADE}
"""
_TABLE_STEPS = f"""\
# The steps of tables

From files of typed columns with missing cells to tensors, and back; [how to use
them](../tables.md). They need the extra `tables`. {_MADE}
"""


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    public = {name: getattr(flowrun, name) for name in dir(flowrun)}
    kinds = {name: value for name, value in public.items() if inspect.isclass(value)}
    errors = {name: value for name, value in kinds.items() if issubclass(value, Exception)}
    functions = {name: value for name, value in public.items() if name not in kinds}
    kit = {name: getattr(testing, name) for name in testing.__all__}
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("flowrun_")}
    hooks |= {"flowrun_tensors_models": TensorHooks.flowrun_tensors_models, "Model": Model}
    hooks |= {"flowrun_tensors_row_readers": TensorHooks.flowrun_tensors_row_readers}
    hooks |= {"RowReader": RowReader, "TableOutline": TableOutline}
    steps = {step.name: step for step in flowrun_steps()}
    tables = {step.name: step for step in table_steps()}
    parts: dict[str, tuple[str, dict[str, Any]]] = {
        "functions.md": (_FUNCTIONS, functions),
        "classes.md": (_CLASSES, {**{n: v for n, v in kinds.items() if n not in errors}, **errors}),
        "testing.md": (_TESTING, kit),
        "hooks.md": (_HOOKS, hooks),
        "steps.md": (_STEPS, steps),
        "table_steps.md": (_TABLE_STEPS, tables),
    }
    made = {
        page: "\n".join([head, *(entry(name, value) for name, value in named.items())])
        for page, (head, named) in parts.items()
    }
    return {"index.md": _INDEX + "".join(_contents(*part) for part in parts.items()), **made}


def _contents(page: str, part: tuple[str, dict[str, Any]]) -> str:
    """The part of the index for one page: its names, each with its first sentence."""
    head, named = part
    title = head.partition("\n")[0].removeprefix("# ")
    rows = ((f"[`{name}`]({page}#{name.lower()})", summary(named[name])) for name in named)
    return "\n".join([f"\n## {title}\n", *table(("name", "in short"), rows)])


def main() -> int:
    """Write the pages, or compare them with what they should be."""
    files = [DOCS / RECIPES, *(DOCS / "reference").glob("*.md")]
    found = {file.relative_to(DOCS).as_posix(): file.read_text(encoding="utf-8") for file in files}
    made = {f"reference/{name}": text.rstrip() + "\n" for name, text in pages().items()}
    made[RECIPES] = with_tables(found[RECIPES])
    if sys.argv[1:] != ["--check"]:
        (DOCS / "reference").mkdir(exist_ok=True)
        for name in found.keys() - made.keys():
            (DOCS / name).unlink()
        for name, text in made.items():
            (DOCS / name).write_text(text, encoding="utf-8")
        return 0
    stale = sorted(name for name in made.keys() | found.keys() if made.get(name) != found.get(name))
    if stale:
        names = ", ".join(f"docs/{name}" for name in stale)
        print(f"not current: {names}; run `make reference`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
