"""A plugin's file that lies in a package and imports its neighbours by `from . import`."""

from __future__ import annotations

import re
from pathlib import Path

from flowrun.plugins.local_modules import modules_of
from flowrun.values.files import read_text

_RELATIVE = re.compile(r"^[ \t]*from[ \t]+\.", re.MULTILINE)
NO_PACKAGE = "attempted relative import"  # how Python's error begins
RELATIVE_HINT = (
    "`from . import` is for the modules of a package: put an `__init__.py` beside the file, or "
    "import a file beside it by its name: `import helper`"
)


def module_in_package(path: Path) -> tuple[Path, str] | None:
    """The folder that a package is imported from, and the name of its module in a file.

    None if the file is to be imported by its own name: if it has no relative import, if it is in no
    package, or if an installed package has that name.
    """
    if not (path.parent / "__init__.py").is_file() or not _is_relative(path):
        return None
    root = path.parent
    while (root / "__init__.py").is_file() and root != root.parent:
        root = root.parent
    parts = path.relative_to(root).with_suffix("").parts
    is_importable = all(part.isidentifier() for part in parts) and modules_of(root).has(parts[0])
    return (root, ".".join(parts)) if is_importable else None


def _is_relative(path: Path) -> bool:
    try:
        return _RELATIVE.search(read_text(path)) is not None
    except (OSError, ValueError):
        return False
