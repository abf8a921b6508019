"""The import lines at the top of a script."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator

from flowrun_tensors.exporting.layout import WIDTH
from flowrun_tensors.exporting.sources import Imported


def import_blocks(imports: Iterable[Imported]) -> Iterator[str]:
    """The imports in the order of isort: the standard library's, then the others'."""
    imports = list(imports)
    for_types = [found for found in imports if found.for_types]
    if for_types:
        imports.append(Imported("typing", "TYPE_CHECKING", "TYPE_CHECKING"))
    for is_standard in (True, False):
        block = [found for found in imports if not found.for_types]
        lines = _import_lines(found for found in block if _is_standard(found) == is_standard)
        if lines:
            yield "\n".join(lines)
    if for_types:
        yield "if TYPE_CHECKING:\n" + textwrap.indent("\n".join(_import_lines(for_types)), "    ")


def _import_lines(imports: Iterable[Imported]) -> list[str]:
    plain: list[str] = []
    named: dict[str, set[tuple[str, str]]] = {}
    for found in imports:
        if found.name is None:
            is_same = found.is_dotted or found.bound == found.module
            plain.append(f"import {found.module}" + ("" if is_same else f" as {found.bound}"))
        else:
            named.setdefault(found.module, set()).add((found.name, found.bound))
    lines = sorted(set(plain))
    for module in sorted(named):
        wanted = sorted(named[module], key=lambda pair: (_kind(pair[0]), pair))
        parts = [name if name == bound else f"{name} as {bound}" for name, bound in wanted]
        line = f"from {module} import {', '.join(parts)}"
        if len(line) > WIDTH:
            inside = "".join(f"    {part},\n" for part in parts)
            line = f"from {module} import (\n{inside})"
        lines.append(line)
    return lines


def _kind(name: str) -> int:
    """Constants come first, then classes, then the rest."""
    return 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2


def _is_standard(found: Imported) -> bool:
    return found.module.partition(".")[0] in sys.stdlib_module_names


def libraries(imports: Iterable[Imported]) -> list[str]:
    """What must be installed for imports to work, torch first."""
    needed = [found for found in imports if not _is_standard(found) and not found.for_types]
    roots = {found.module.partition(".")[0] for found in needed}
    return sorted(roots, key=lambda root: (root != "torch", root))
