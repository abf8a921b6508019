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
    if script.helpers and own[:1] not in ([], [""]):
        parts.append("")
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
    """Python's own modules first, and of each kind whole modules first, as ruff sorts them."""
    blocks: tuple[list[str], list[str]] = ([], [])
    for is_from in (False, True):
        for module in sorted(imports):
            block = blocks[module.partition(".")[0] not in sys.stdlib_module_names]
            whole = {name for name in imports[module] if name == "" or name.startswith(" as ")}
            if is_from and (names := sorted(imports[module] - whole)):
                block.append(f"from {module} import {', '.join(names)}")
            elif not is_from:
                block += [f"import {module}{alias}" for alias in sorted(whole)]
    return [*blocks[0], *([""] if all(blocks) else []), *blocks[1]]
