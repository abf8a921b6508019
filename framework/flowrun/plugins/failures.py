"""A plugin that failed to load, in the words of messages."""

from __future__ import annotations

import msgspec

from flowrun.errors import UnfitPluginError, code_excerpt, error_line
from flowrun.errors.escaping import on_one_line
from flowrun.plugins.package_files import NO_PACKAGE, RELATIVE_HINT


class Failure(msgspec.Struct, frozen=True):
    """A plugin that could not be loaded, and the error that says why."""

    name: str
    origin: str
    error: Exception

    def __str__(self) -> str:
        if isinstance(self.error, UnfitPluginError):
            return str(self.error)
        hint = ""
        if isinstance(self.error, ModuleNotFoundError):
            hint = "\n    install the missing module (pip install ...), or remove the import"
        elif isinstance(self.error, ImportError) and NO_PACKAGE in str(self.error):
            hint = f"\n    {RELATIVE_HINT}"
        elif isinstance(self.error, SyntaxError):
            hint = "".join(f"\n    {line}" for line in code_excerpt(self.error))
        what = f"the plugin `{on_one_line(self.name)}` ({on_one_line(self.origin)}) failed to load:"
        return f"{what}\n    {error_line(self.error)}{hint}"
