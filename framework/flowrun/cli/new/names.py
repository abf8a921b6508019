"""Names for new files: refused if they would not work or are in use."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys

from flowrun.errors import FlowrunError
from flowrun.plugins.registry import Registry

_RECIPE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PREFIX = "flowrun"
_OTHER = "take another name"
_NO_TEXTS = ("null", "true", "false")  # YAML reads these words as other types than text


def step_name(name: str, registry: Registry) -> str:
    """The name of a new step, which is that of its file; raises FlowrunError for one of no use."""
    _require_identifier("step", name)
    _require_free("step", name, registry)
    _require_no_module(name)
    return name


def plugin_name(name: str, registry: Registry) -> str:
    """The name of a new plugin without `flowrun-` before it; raises FlowrunError."""
    short = re.sub(rf"^{_PREFIX}[-_]", "", name).replace("-", "_")
    _require_identifier("plugin", short)
    if short in registry.plugins:
        origin = registry.plugins[short].origin
        raise FlowrunError(f"there is a plugin `{short}` already ({origin})\n    {_OTHER}")
    _require_free("plugin", short, registry)
    _require_no_module(f"{_PREFIX}_{short}")
    return short


def recipe_name(name: str) -> str:
    """The name of a new recipe without its suffix; raises FlowrunError for one of no use."""
    bare = re.sub(r"\.ya?ml$", "", name)
    if _RECIPE.fullmatch(bare) is None or bare.lower() in _NO_TEXTS:
        raise FlowrunError(
            f"`{name}` is no name for a recipe\n"
            "    expected  letters, digits, `_` and `-`, a letter first, such as red_linear\n"
            "    a folder is named by --into"
        )
    return bare


def _require_identifier(what: str, name: str) -> None:
    is_keyword = keyword.iskeyword(name) or name.lower() in _NO_TEXTS
    if name.isidentifier() and name.isascii() and not is_keyword:
        return
    reason = "a word of Python's or YAML's own" if is_keyword else "not a name in Python"
    near = re.sub(r"\W", "_", name.removesuffix(".py"), flags=re.ASCII).strip("_")
    near = f"{near}_" if keyword.iskeyword(near) else near
    hint = f"`{near}` would do" if near.isidentifier() else "such as clip_rows"
    raise FlowrunError(
        f"`{name}` is no name for a {what}: it is {reason}\n"
        f"    expected  letters, digits and `_`, no digit first\n    {hint}"
    )


def _require_free(what: str, name: str, registry: Registry) -> None:
    """Raise FlowrunError if a step has the name: a new plugin gives a step of its own name."""
    for plugin, step in registry.steps.get(name, []):
        raise FlowrunError(
            f"`{name}` is no name for a {what}: the plugin `{plugin.name}` gives a step of that "
            f"name\n    found     {step.name}: {step.about}\n    {_OTHER}"
        )


def _require_no_module(name: str) -> None:
    """Raise FlowrunError if a file of the name would hide a module, or be hidden by it."""
    is_known = name in sys.stdlib_module_names or name == _PREFIX
    if is_known or importlib.util.find_spec(name) is not None:
        raise FlowrunError(
            f"`{name}` is the name of a module that Python has already, and {name}.py would stand "
            f"in its way\n    {_OTHER}"
        )
