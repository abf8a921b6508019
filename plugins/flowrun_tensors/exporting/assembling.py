"""A script put together: its imports, constants, functions and steps."""

from __future__ import annotations

import sys

from flowrun_tensors.exporting.script import Script


def script_text(script: Script, header: list[str], own: list[str]) -> str:
    """The whole script. header: its comment lines. own: code of users."""
    parts = [*header, ""]
    if own:
        parts += ["from __future__ import annotations", ""]
    parts += [*_import_lines(script.imports), ""]
    if script.constants:
        parts += [*script.constants, ""]
    for _, lines in script.helpers.values():
        parts += ["", *lines, ""]
    parts += own
    if script.helpers or own:
        parts.append("")
    return "\n".join([*parts, *script.body]).rstrip("\n") + "\n"


def libraries(script: Script) -> list[str]:
    """What the script needs to be installed, torch first."""
    roots = {module.partition(".")[0] for module in script.imports}
    beside = {path.partition("/")[0].removesuffix(".py") for path in script.files}
    return ["torch", *sorted(roots - sys.stdlib_module_names - beside - {"torch"})]


def _import_lines(imports: dict[str, set[str]]) -> list[str]:
    blocks: dict[bool, list[str]] = {True: [], False: []}
    for is_from in (False, True):
        for module in sorted(imports):
            is_standard = module.partition(".")[0] in sys.stdlib_module_names
            names = sorted(imports[module] - {""}, key=_member_order)
            aliases = [name for name in names if name.startswith(" as ")]
            if module == "__future__":
                continue
            if is_from and (own := [name for name in names if name not in aliases]):
                blocks[is_standard] += _from_line(module, own)
            if not is_from and "" in imports[module]:
                blocks[is_standard].append(f"import {module}")
            if not is_from:
                blocks[is_standard] += [f"import {module}{alias}" for alias in aliases]
    standard, others = blocks[True], blocks[False]
    return [*standard, *([""] if standard and others else []), *others]


def _from_line(module: str, names: list[str]) -> list[str]:
    """`from MODULE import NAMES`, a name a line where it would be too wide."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 100:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def _member_order(name: str) -> tuple[int, str]:
    """Constants first, then classes, then the rest, as ruff sorts what is imported."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name
