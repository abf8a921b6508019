"""The code a step consists of: the definitions it reaches, in its own module and in others.

A module belongs to a step's owner if it is in the same package, beside the same local file, or
outside the folders of installed packages. Any other module counts by the version of its package.
Of a module of its owner, those definitions count that the step reaches by name, and the statements
that act when the module is imported; all of it counts if its text does not show which. Of
a package of many modules, and of an installed plugin, all modules count: so they are found at once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from blake3 import blake3

from flowrun.plugins.local_modules import (
    LoadedModule,
    LocalModules,
    loaded_module,
    modules_beside,
)
from flowrun.plugins.process_memory import Lines
from flowrun.store.database import Database
from flowrun.store.file_digests import FileDigests, digest_as_imported
from flowrun.store.keeping import lines_that_keep
from flowrun.store.packages import Packages, imports_in, modules_counted
from flowrun.store.syntax import ACTING, Definition, Import, Syntax, syntax_of
from flowrun.values.digests import parts_digest

_CORE = "flowrun"  # counts by its version, installed or not: no step depends on how it is built
_ALL = "*"
_T = TypeVar("_T")


class Code(msgspec.Struct):
    """The code on which a step's result may depend.

    modules: the digest of the reached part of each module, by the module's name.
    packages: the version of each package that these import.
    paths: the files of the modules.
    loaded: the local modules among them that this process has imported.
    is_blind: whether the code may import or use more than its text shows.
    keeping: the lines of the definitions that may keep values from one call to the next.
    whole: the folders of packages that count as a whole; which parts may keep values is unknown.
    """

    modules: dict[str, str] = {}
    packages: dict[str, str] = {}
    paths: dict[str, Path] = {}
    loaded: list[LoadedModule] = []
    is_blind: bool = False
    keeping: list[Lines] = []
    whole: list[str] = []

    def add(self, other: Code) -> None:
        """Add all that another code consists of."""
        self.modules |= other.modules
        self.packages |= other.packages
        self.paths |= other.paths
        self.loaded += other.loaded
        self.keeping += other.keeping
        self.whole += other.whole
        self.is_blind |= other.is_blind


class _Module(msgspec.Struct):
    """A module that is followed. reached: its definitions that count, by name."""

    name: str
    path: Path
    syntax: Syntax
    text: Callable[[], bytes]
    loaded: LoadedModule | None = None
    reached: dict[str, Definition] = {}


class CodeIndex:
    """The code of functions, each module looked at once and read once a change."""

    def __init__(self, database: Database, files: FileDigests) -> None:
        self._database = database
        self._digests = files
        self._files: dict[Path, None] = {}
        self.packages = Packages()
        self._known: dict[tuple[str, str, int], Code] = {}
        self._shown: dict[str, _Module] = {}
        self._whole: dict[str, Code | None] = {}  # of packages that count as a whole
        self._whole_files: dict[str, Path] = {}

    def of_module(self, name: str, local: LocalModules | None = None) -> Code:
        """The code of a whole module, by its name, and of the modules it imports."""
        return self._of(name, _ALL, local)

    def of_function(self, function: Callable[..., Any]) -> Code:
        """The code of a function or method: the definitions it reaches.

        For a function without a file, the code has no modules.
        """
        function = inspect.unwrap(function)
        name = function.__qualname__.partition(".")[0]
        return self._of(function.__module__, name, modules_beside(function))

    def of_functions(self, functions: Iterable[Callable[..., Any] | None]) -> str:
        """One digest of the code of several functions."""
        codes = [self.of_function(one) for one in functions if one is not None]
        return parts_digest([[code.modules, code.packages] for code in codes])

    def syntax(self, text: bytes, package: str = "") -> Syntax:
        """The definitions of a module, by its text. package: that in which its imports start."""
        return self._syntax(blake3(text).hexdigest(), partial(bytes, text), package)

    def patches(self, name: str, local: LocalModules) -> Code | None:
        """The whole code of a local plugin if it sets attributes of imported modules, else None."""
        closure = _Closure(self, local)
        if not closure.follow(name, _ALL):
            return None
        is_patching = any(module.syntax.is_patching for module in closure.modules.values())
        return closure.code() if is_patching else None

    @property
    def files(self) -> list[Path]:
        """Every file looked at."""
        return list(self._files)

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

    def module(self, name: str, path: Path, local: LocalModules | None) -> _Module:
        """A module as it was imported, or as it lies on disk if it was not."""
        loaded = (local.loaded.get(name) if local is not None else None) or loaded_module(name)
        self._files[path] = None
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        if loaded is not None and loaded.text is not None:
            text = loaded.text
            return _Module(name, path, self.syntax(text, package), lambda: text, loaded)
        digest = digest_as_imported(name, path, self._digests)
        syntax = self._syntax(digest, lambda: _bytes_of(path), package)
        return _Module(name, path, syntax, lambda: _bytes_of(path), loaded)

    def remember(self, module: _Module, digest: str) -> None:
        """Make the text of a module available by the digest of its reached part."""
        self._shown[digest] = module

    def _of(self, module: str, name: str, local: LocalModules | None) -> Code:
        whole = None if local is not None else self.of_package(module.partition(".")[0])
        key = (module, name, id(local))
        if whole is None and key not in self._known:
            closure = _Closure(self, local)
            closure.follow(module, name)
            self._known[key] = closure.code()
        return whole or self._known[key]

    def of_package(self, top: str) -> Code | None:
        """The code of a package that counts as a whole, else None."""
        if top not in self._whole:
            spec = None if top == _CORE else self.packages.spec(top)
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
            if imported not in (top, _CORE) and self.packages.spec(imported) is not None:
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
        rows = self._database.rows("select syntax from modules where digest = ?", (key,))
        with suppress(msgspec.MsgspecError):
            return next((msgspec.msgpack.decode(row[0], type=kind) for row in rows), None)
        return None

    def _keep_decoded(self, key: str, found: object) -> None:
        encoded = msgspec.msgpack.encode(found)
        self._database.write("insert or replace into modules values (?, ?)", [(key, encoded)])

    def _syntax(self, digest: str, text: Callable[[], bytes], package: str) -> Syntax:
        key = f"{digest} {package}"
        if key in _SYNTAX:
            return _SYNTAX[key]
        syntax = self._decoded(key, Syntax)
        if syntax is None:
            syntax = syntax_of(text(), package)
            self._keep_decoded(key, syntax)
        _SYNTAX[key] = syntax
        return syntax


_SYNTAX: dict[str, Syntax] = {}  # by the digest of the text, and the package


class _Closure:
    """The definitions that one definition reaches."""

    def __init__(self, index: CodeIndex, local: LocalModules | None) -> None:
        self.modules: dict[str, _Module] = {}
        self._index = index
        self._local = local
        self._packages: dict[str, str] = {}
        self._whole: dict[str, Code] = {}
        self._is_blind = False

    def follow(self, name: str, definition: str) -> bool:
        """Follow a definition of a module, or all of them (`*`); returns whether it has a file."""
        path = None if self._local is None else self._local.path_of(name)
        file = getattr(sys.modules.get(name), "__file__", None)
        path = path or (None if file is None else Path(file))
        if path is None:
            return False
        module = self._visited(name, path)
        if definition in module.syntax.definitions or definition in module.syntax.imports:
            self._reach(module, definition)
        else:
            self._reach_all(module)
        return True

    def code(self) -> Code:
        """All that was reached; whole modules, if a text does not show which parts are used."""
        for module in list(self.modules.values()) if self._is_blind else ():
            self._reach_all(module)
        code = Code(packages=self._packages, is_blind=self._is_blind)
        reached = {module.path: module.reached for module in self.modules.values()}
        code.keeping = lines_that_keep(reached)
        for module in self.modules.values():
            digest = parts_digest(
                {name: definition.digest for name, definition in module.reached.items()}
            )
            code.modules[module.name] = digest
            code.paths[module.name] = module.path
            if module.loaded is not None:
                code.loaded.append(module.loaded)
            self._index.remember(module, digest)
        for whole in self._whole.values():
            code.add(whole)
        return code

    def _visited(self, name: str, path: Path) -> _Module:
        """An imported module: its statements that act count, and the modules it imports."""
        if name not in self.modules:
            module = self.modules[name] = self._index.module(name, path, self._local)
            self._reach(module, ACTING)
            for found in (*module.syntax.imports.values(), *module.syntax.others):
                self._module(found.module, module)
                if found.attribute not in (None, "*"):
                    self._module(f"{found.module}.{found.attribute}", module, is_sure=False)
        return self.modules[name]

    def _module(self, name: str, home: _Module, *, is_sure: bool = True) -> _Module | None:
        """A module of the same owner, imported with the packages it is in; None for others.

        is_sure: whether it is a module; `a.b` of `from a import b` may be another thing.
        """
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            return None
        path = None if top == _CORE else self._own_path(name, home)
        if path is None:
            if is_sure and top != home.name.partition(".")[0]:
                self._packages[top] = self._index.packages.version(top)
            return None
        if self._counts_as_a_whole(top, home):
            return None
        parent = name.rpartition(".")[0]
        if parent:
            self._module(parent, home)
        return self._visited(name, path)

    def _counts_as_a_whole(self, top: str, home: _Module) -> bool:
        """Whether another package counts as a whole; then all of it is reached."""
        is_local = self._local is not None and self._local.has(top)
        if is_local or top == home.name.partition(".")[0]:
            return False
        whole = self._index.of_package(top)
        if whole is not None:
            self._whole[top] = whole
        return whole is not None

    def _own_path(self, name: str, home: _Module) -> Path | None:
        found = None if self._local is None else self._local.path_of(name)
        return found or self._index.packages.path_of(name, home.name, home.path)

    def _reach(self, module: _Module, name: str) -> None:
        if name in module.reached:
            return
        definition = module.syntax.definitions.get(name)
        if definition is None:
            found = module.syntax.imports.get(name)
            if found is not None:
                self._reach_import(module, found, [])
            return
        module.reached[name] = definition
        for found in definition.imports:
            self._reach_import(module, found, [])
        for use in definition.uses:
            base, *attributes = use.split(".")
            if base in module.syntax.definitions:
                self._reach(module, base)
            if base in module.syntax.imports:
                self._reach_import(module, module.syntax.imports[base], attributes)
        if definition.is_blind:
            self._is_blind = True
            self._reach_all(module)

    def _reach_import(self, home: _Module, found: Import, attributes: list[str]) -> None:
        """Reach the imported definitions: these attributes, or all if none are given."""
        name, wanted = found.module, list(attributes)
        if found.attribute == "*":
            wanted = []
        elif found.attribute is not None:
            wanted = [found.attribute, *wanted]
        module = self._module(name, home)
        while wanted and not self._gives(module, name, wanted[0]):
            inner = self._module(f"{name}.{wanted[0]}", home, is_sure=False)
            if inner is None:
                break
            name, module = f"{name}.{wanted.pop(0)}", inner
        if module is None:
            return
        if wanted and wanted[0] in module.syntax.definitions:
            self._reach(module, wanted[0])
        elif wanted and wanted[0] in module.syntax.imports:
            self._reach_import(module, module.syntax.imports[wanted[0]], wanted[1:])
        else:
            self._reach_all(module)

    def _gives(self, module: _Module | None, name: str, wanted: str) -> bool:
        """Whether a name of a module is not that of a module in it."""
        if module is None:  # a folder without `__init__.py` gives modules alone
            return self._local is None or not self._local.has(name.partition(".")[0])
        if module.syntax.imports.get(wanted) == Import(name, wanted):
            return False  # `from . import wanted`
        return wanted in module.syntax.definitions or wanted in module.syntax.imports

    def _reach_all(self, module: _Module) -> None:
        if _ALL in module.reached:
            return
        module.reached[_ALL] = Definition("", [], [], [], False)
        for name in module.syntax.definitions:
            self._reach(module, name)
        for found in (*module.syntax.imports.values(), *module.syntax.others):
            if found.attribute == _ALL:
                self._reach_import(module, found, [])


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has gone since it was imported
        return b""
