"""The code a step consists of: the definitions it reaches, in its own module and in others.

A module belongs to a step's owner if it is in the same package, beside the same local file, or
outside the folders of installed packages. Any other module counts by the version of its package.
Of a module of its owner, those definitions count that the step reaches by name, and the statements
that act when the module is imported; all of it counts if its text does not show which. Of
a package of many modules, and of an installed plugin, all modules count: so they are found at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from blake3 import blake3

from flowrun.plugins.loaded_module import LoadedModule
from flowrun.plugins.local_modules import LocalModules, loaded_module, modules_beside
from flowrun.plugins.registry import Plugin
from flowrun.plugins.steps import Step
from flowrun.store.callables import CallableParts
from flowrun.store.closure import ALL, CORE, Closure, Code, ReachedModule
from flowrun.store.database import Database
from flowrun.store.file_digests import FileDigests, digest_as_imported
from flowrun.store.packages import Packages, imports_in, modules_counted
from flowrun.store.syntax import MAIN, Syntax, syntax_of
from flowrun.values.digests import parts_digest
from flowrun.values.files import read_bytes

_FORMAT = 6  # of what is remembered of a module's text
_SEALED = "modules"  # the kind of the seals
_T = TypeVar("_T")


class CodeIndex:
    """The code of functions, each module looked at once and read once a change."""

    def __init__(self, database: Database, files: FileDigests) -> None:
        self._database = database
        self._digests = files
        self._files: dict[Path, None] = {}
        self.packages = Packages()
        self._known: dict[tuple[str, str, int], Code] = {}
        self._shown: dict[str, ReachedModule] = {}
        self._whole: dict[str, Code | None] = {}  # of packages that count as a whole
        self._whole_files: dict[str, Path] = {}

    def of_module(self, name: str, local: LocalModules | None = None) -> Code:
        """The code of a whole module, by its name, and of the modules it imports."""
        return self._of(name, ALL, local)

    def of_function(self, function: Callable[..., Any]) -> Code:
        """The code of a function or method: the definitions it reaches.

        For a function without a file, the code has no modules.
        """
        function = inspect.unwrap(function)
        name = function.__qualname__.partition(".")[0]
        return self._of(function.__module__, name, modules_beside(function))

    def of_definition(self, module: str, name: str, local: LocalModules | None) -> Code:
        """The code of a class or function of a module, by its name. local: the module's folder."""
        return self._of(module, name.partition(".")[0], local)

    def of_step(self, step: Step[..., Any], plugin: Plugin) -> Code:
        """The code of a step's function, and the code that makes a step of it in its plugin.

        The latter matters if another module has the function, as a factory's or a decorator's: it
        is that of the step's names in the local file, and of the statements that act there.
        """
        code = self.of_function(step.function)
        module = inspect.unwrap(step.function).__module__
        if plugin.local is None or not code.modules or module == plugin.module.__name__:
            return code
        whole = Code()
        whole.add(code)
        for name, one in vars(plugin.module).items():
            if one is step:
                whole.add(self._of(plugin.module.__name__, name, plugin.local))
        return whole

    def of_functions(self, functions: Iterable[Callable[..., Any] | None]) -> str:
        """One digest of the code of several functions, and of what partial ones hold."""
        parts = [CallableParts(one) for one in functions if one is not None]
        codes = [self.of_function(one) for part in parts for one in part.functions]
        values = [part.values for part in parts if part.values]
        return parts_digest([*([code.modules, code.packages] for code in codes), *values])

    def syntax(self, text: bytes, package: str = "") -> Syntax:
        """The definitions of a module, by its text. package: that in which its imports start."""
        return self._syntax(blake3(text).hexdigest(), partial(bytes, text), package)

    def patches(self, name: str, local: LocalModules) -> tuple[Code, bool] | None:
        """The whole code of a local plugin that may alter what others use, else None.

        And whether it may do so when it is called, and not only when it is imported.
        """
        closure = Closure(self, local)
        if not closure.follow(name, ALL):
            return None
        is_patching = any(module.syntax.is_patching for module in closure.modules.values())
        return (closure.code(), is_patching) if is_patching or closure.is_acting() else None

    def look_at(self, module: object) -> None:
        """Count the file of a module, as its version is in it, among those looked at."""
        file = getattr(module, "__file__", None)
        if file is not None:
            self._files[Path(file)] = None

    def file_digest(self, path: Path) -> str | None:
        """The digest of a file that code read while it was imported; None if there is none."""
        return self._digests.of(path)

    @property
    def files(self) -> list[Path]:
        """Every file looked at, and the paths where modules were looked for in vain."""
        return [*self._files, *self.packages.awaited]

    def text(self, digest: str) -> str | None:
        """The text of a module by the digest of its reached part; the other lines are empty."""
        if digest in self._whole_files:
            return _bytes_of(self._whole_files[digest]).decode("utf-8", "replace")
        module = self._shown.get(digest)
        if module is None:
            return None
        spans = [span for definition in module.reached.values() for span in definition.lines]
        lines = module.text().decode("utf-8", "replace").split("\n")
        numbers = {number for first, last in spans for number in range(first, last + 1)}
        shown = (line if number in numbers else "" for number, line in enumerate(lines, 1))
        return "\n".join(shown)

    def module(self, name: str, path: Path, local: LocalModules | None) -> ReachedModule:
        """A module as it was imported, or as it lies on disk if it was not."""
        loaded = _as_imported(name, local)
        self._files[path] = None
        is_whole_name = path.name == "__init__.py" or name == MAIN
        package = name if is_whole_name else name.rpartition(".")[0]
        if loaded is not None and loaded.text is not None:
            text = loaded.text
            return ReachedModule(name, path, self.syntax(text, package), lambda: text, loaded)
        digest = digest_as_imported(name, path, self._digests)
        syntax = self._syntax(digest, lambda: _bytes_of(path), package)
        return ReachedModule(name, path, syntax, lambda: _bytes_of(path), loaded, digest)

    def replaced(self, code: Code, local: LocalModules | None) -> Path | None:
        """The file of a module that was imported after it had another text than in this code."""
        for name, digest in code.on_disk.items():
            loaded = _as_imported(name, local)
            text = None if loaded is None else loaded.text
            if text is not None and blake3(text).hexdigest() != digest:
                return code.paths[name]
        return None

    def remember(self, module: ReachedModule, digest: str) -> None:
        """Have the text of a module be found by the digest of what is reached of it."""
        self._shown[digest] = module

    def _of(self, module: str, name: str, local: LocalModules | None) -> Code:
        whole = None if local is not None else self.of_package(module.partition(".")[0])
        key = (module, name, id(local))
        if whole is None and key not in self._known:
            closure = Closure(self, local)
            closure.follow(module, name)
            self._known[key] = closure.code()
        return whole or self._known[key]

    def of_package(self, top: str) -> Code | None:
        """The code of a package that counts as a whole, else None."""
        if top not in self._whole:
            spec = None if top == CORE else self.packages.spec(top)
            places = spec.submodule_search_locations if spec is not None else None
            modules = modules_counted(top, places[0]) if places else []
            self._whole[top] = (
                self._code_of(top, places[0], modules) if places and modules else None
            )
        return self._whole[top]

    def _code_of(self, top: str, folder: str, modules: list[tuple[str, Path]]) -> Code:
        code = Code(whole=[folder])
        for name, path in modules:
            digest = digest_as_imported(name, path, self._digests)
            code.modules[name], code.paths[name] = digest, path
            self._files[path], self._whole_files[digest] = None, path
        for imported in self._imports(code):
            if imported not in (top, CORE) and self.packages.spec(imported) is not None:
                code.packages[imported] = self.packages.version(imported)
        return code

    def _imports(self, code: Code) -> list[str]:
        """The packages that the modules of a package import, whether installed or not."""
        key = f"imports {parts_digest(code.modules)}"
        known = self._decoded(key, list[str])
        if known is None:
            known = sorted({name for path in code.paths.values() for name in imports_in(path)})
            self._keep_decoded(key, known)
        return known

    def _decoded(self, key: str, kind: type[_T]) -> _T | None:
        row = self._database.row("select syntax, seal from modules where digest = ?", (key,))
        if row is None or not isinstance(row[0], bytes):
            return None
        if not self._database.seals.holds(row[1], _SEALED, key, row[0]):
            return None  # of another's, or damaged: a name less hides a dependency
        with suppress(msgspec.MsgspecError):
            return msgspec.msgpack.decode(row[0], type=kind)
        return None

    def _keep_decoded(self, key: str, found: object) -> None:
        encoded = msgspec.msgpack.encode(found)
        row = (key, encoded, self._database.seals.seal(_SEALED, key, encoded))
        self._database.write("insert or replace into modules values (?, ?, ?)", [row])

    def _syntax(self, digest: str, text: Callable[[], bytes], package: str) -> Syntax:
        key = f"{_FORMAT} {digest} {package}"
        if key in _SYNTAX:
            return _SYNTAX[key]
        syntax = self._decoded(key, Syntax)
        if syntax is None:
            syntax = syntax_of(text(), package)
            self._keep_decoded(key, syntax)
        _SYNTAX[key] = syntax
        return syntax


_SYNTAX: dict[str, Syntax] = {}  # by the digest of the text, and the package


def _as_imported(name: str, local: LocalModules | None) -> LoadedModule | None:
    """A local module as it was imported; None if it was not."""
    return (local.loaded.get(name) if local is not None else None) or loaded_module(name)


def _bytes_of(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except OSError:  # it has gone since it was imported
        return b""
