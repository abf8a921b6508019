"""The definitions that one definition reaches, in its own module and in others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import msgspec

from flowrun.plugins.loaded_module import LoadedModule
from flowrun.plugins.local_modules import LocalModules
from flowrun.plugins.process_memory import Lines
from flowrun.store.keeping import lines_that_keep
from flowrun.store.packages import NOT_INSTALLED, Packages
from flowrun.store.syntax import ACTING, MAIN, Definition, Import, Syntax
from flowrun.values.digests import parts_digest

CORE = "flowrun"  # counts by its version, installed or not: no step depends on how it is built
ALL = "*"


class Code(msgspec.Struct, dict=True):
    """The code on which a step's result may depend.

    modules: the digest of the reached part of each module, by the module's name.
    packages: the version of each package that these import.
    paths: the files of the modules.
    loaded: the local modules among them that this process has imported.
    on_disk: the digests of the texts of those that it has not, by name.
    is_blind: whether the code may import or use more than its text shows.
    keeping: the lines of the definitions that may keep values from one call to the next.
    whole: the folders of packages that count as a whole; which parts may keep values is unknown.
    """

    modules: dict[str, str] = {}
    packages: dict[str, str] = {}
    paths: dict[str, Path] = {}
    loaded: list[LoadedModule] = []
    on_disk: dict[str, str] = {}
    is_blind: bool = False
    keeping: list[Lines] = []
    whole: list[str] = []

    @cached_property
    def own(self) -> frozenset[str]:
        """What this code looks at to be imported, as it stands in an observation."""
        modules = {f"module:{name}" for name in (*self.modules, *self.packages)}
        paths = {f"{kind}:{path}" for path in self.paths.values() for kind in ("file", "stat")}
        return frozenset(modules | paths)

    def add(self, other: Code) -> None:
        """Add all that another code consists of."""
        self.modules |= other.modules
        self.packages |= other.packages
        self.paths |= other.paths
        self.loaded += other.loaded
        self.on_disk |= other.on_disk
        self.keeping += other.keeping
        self.whole += other.whole
        self.is_blind |= other.is_blind
        self.__dict__.pop("own", None)


class ReachedModule(msgspec.Struct):
    """A module that is followed.

    loaded: as it was imported; otherwise its text has the digest `on_disk`. reached: its
    definitions that count, by name.
    """

    name: str
    path: Path
    syntax: Syntax
    text: Callable[[], bytes]
    loaded: LoadedModule | None = None
    on_disk: str = ""
    reached: dict[str, Definition] = {}


class Modules(Protocol):
    """What knows the modules that are followed."""

    packages: Packages

    def module(self, name: str, path: Path, local: LocalModules | None) -> ReachedModule:
        """A module as it was imported, or as it lies on disk if it was not."""

    def of_package(self, top: str) -> Code | None:
        """The code of a package that counts as a whole, else None."""

    def remember(self, module: ReachedModule, digest: str) -> None:
        """Have the text of a module be found by the digest of what is reached of it."""


class Closure:
    """The definitions that one definition reaches."""

    def __init__(self, index: Modules, local: LocalModules | None) -> None:
        self.modules: dict[str, ReachedModule] = {}
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

    def is_acting(self) -> bool:
        """Whether statements that act on import use what one of the modules imports of another."""
        return any(
            self._reaches_another(module, use.partition(".")[0])
            for module in self.modules.values()
            for use in module.syntax.definitions[ACTING].uses
        )

    def _reaches_another(self, module: ReachedModule, name: str) -> bool:
        found = module.syntax.imports.get(name)
        names = () if found is None else (found.module, f"{found.module}.{found.attribute}")
        return any(one in self.modules for one in names)

    def code(self) -> Code:
        """All that was reached; all of each module, if the text does not show what is used."""
        for module in list(self.modules.values()) if self._is_blind else ():
            self._reach_all(module)
        if MAIN in self.modules:  # a script, which is another with other arguments
            self._packages["arguments"] = parts_digest(sys.argv[1:])
        code = Code(packages=self._packages, is_blind=self._is_blind)
        reached = {module.path: module.reached for module in self.modules.values()}
        code.keeping = lines_that_keep(reached)
        for module in self.modules.values():
            digest = _digest_of(module.reached)
            code.modules[module.name] = digest
            code.paths[module.name] = module.path
            if any("__file__" in definition.uses for definition in module.reached.values()):
                code.packages[f"folder of {module.name}"] = str(module.path.parent)
            if module.loaded is not None:
                code.loaded.append(module.loaded)
            else:
                code.on_disk[module.name] = module.on_disk
            self._index.remember(module, digest)
        for whole in self._whole.values():
            code.add(whole)
        return code

    def _visited(self, name: str, path: Path) -> ReachedModule:
        """A module that is imported: its statements that act count, and what it imports."""
        if name not in self.modules:
            module = self.modules[name] = self._index.module(name, path, self._local)
            self._reach(module, ACTING)
            for found in (*module.syntax.imports.values(), *module.syntax.others):
                self._module(found.module, module)
                if found.attribute not in (None, "*"):
                    self._module(f"{found.module}.{found.attribute}", module, is_sure=False)
        return self.modules[name]

    def _module(
        self, name: str, home: ReachedModule, *, is_sure: bool = True
    ) -> ReachedModule | None:
        """A module of the same owner, imported with the packages it is in; None for others.

        is_sure: whether it is a module; `a.b` of `from a import b` may be another thing.
        """
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            return None
        path = None if top == CORE else self._own_path(name, home)
        if path is None:
            if is_sure and top != home.name.partition(".")[0]:
                self._packages[top] = self._index.packages.version(top)
                if self._packages[top] == NOT_INSTALLED:
                    self._index.packages.await_module(top, home.path.parent)
            return None
        if self._counts_as_a_whole(top, home):
            return None
        parent = name.rpartition(".")[0]
        if parent:
            self._module(parent, home)
        return self._visited(name, path)

    def _counts_as_a_whole(self, top: str, home: ReachedModule) -> bool:
        """Whether another package counts as a whole; then all of it is reached."""
        is_local = self._local is not None and self._local.has(top)
        if is_local or top == home.name.partition(".")[0]:
            return False
        whole = self._index.of_package(top)
        if whole is not None:
            self._whole[top] = whole
        return whole is not None

    def _own_path(self, name: str, home: ReachedModule) -> Path | None:
        found = None if self._local is None else self._local.path_of(name)
        return found or self._index.packages.path_of(name, home.name, home.path)

    def _reach(self, module: ReachedModule, name: str) -> None:
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

    def _reach_import(self, home: ReachedModule, found: Import, attributes: list[str]) -> None:
        """Reach what an import brings, of which these attributes are used; none: all of it."""
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

    def _gives(self, module: ReachedModule | None, name: str, wanted: str) -> bool:
        """Whether a name of a module is not that of a module in it."""
        if module is None:  # a folder without `__init__.py` gives modules alone
            return self._local is None or not self._local.has(name.partition(".")[0])
        if module.syntax.imports.get(wanted) == Import(name, wanted):
            return False  # `from . import wanted`
        return wanted in module.syntax.definitions or wanted in module.syntax.imports

    def _reach_all(self, module: ReachedModule) -> None:
        if ALL in module.reached:
            return
        module.reached[ALL] = Definition("", [], [], [], False)
        for name in module.syntax.definitions:
            self._reach(module, name)
        for found in (*module.syntax.imports.values(), *module.syntax.others):
            if found.attribute == ALL:
                self._reach_import(module, found, [])


def _digest_of(reached: dict[str, Definition]) -> str:
    """The digest of definitions of a module; of their order, if one of them is bound repeatedly."""
    digests: dict[str, Any] = {name: one.digest for name, one in reached.items()}
    if any(one.is_rebound for one in reached.values()):
        lines = [(line, name) for name, one in reached.items() for line in one.lines]
        digests["order"] = [[name for _, name in sorted(lines)]]
    return parts_digest(digests)
