"""The user's own modules: imported separately for each folder, and their texts remembered.

A module that belongs neither to Python nor to an installed package is local. For each imported one,
its text and the things it looked at during the import are remembered, so that the key of a step is
made of the code that runs even if the file has changed since.

The modules beside a plugin stand in `sys.modules` only while code of their folder is imported or
runs, so two folders may hold modules of one name. After a change a plan imports all of them again.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import keyword
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from flowrun.errors import FlowrunError, PluginError
from flowrun.plugins.import_times import timed
from flowrun.plugins.loaded_module import LoadedModule
from flowrun.plugins.observation.observing import note_import, observed
from flowrun.plugins.observation.ownership import is_installed, package_folders
from flowrun.plugins.observation.record import present, unobserved
from flowrun.plugins.package_imports import is_shared, leave_uncollected, leave_unobserved
from flowrun.plugins.process_memory import ProcessMemory
from flowrun.plugins.process_settings import importing, leaving_settings
from flowrun.values.files import real_path
from flowrun.values.stamps import stamp_of

if TYPE_CHECKING:
    from importlib.abc import Loader

_CORE = "flowrun"
_UNLISTED = "_sysconfigdata"  # of Python: sysconfig imports it, and cannot be asked for paths then


_shared: dict[str, LoadedModule] = {}  # local modules that stand in `sys.modules` for good
_lock = threading.RLock()


@contextmanager
def turn() -> Iterator[None]:
    """Be the only one to import or run local code, or to call a step.

    Seeds, default types, observation and `sys.modules` are those of the process. Raises
    FlowrunError in a thread that a step has started, because the step may wait for it for ever.
    """
    if not _lock.acquire(blocking=False):
        observation = present.observation
        if observation is not None and threading.current_thread() in observation.threads:
            raise FlowrunError(
                "a thread that a step has started cannot run a step while that step runs: steps "
                "of one process take turns; run the other recipe in a process of its own"
            )
        _lock.acquire()
    try:
        yield
    finally:
        _lock.release()


class LocalModules:
    """The modules of one folder. imported: those imported so far, and loaded: their description."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded: dict[str, LoadedModule] = {}
        self.namespaces: set[str] = set()  # packages without a file
        self.imported: dict[str, ModuleType] = {}
        self.memory = ProcessMemory()
        self._names = _names_in(folder)

    def import_file(self, path: Path) -> ModuleType:
        """The module of a file of the folder; raises the error of its import, if any.

        It has the file's name, by which other processes can import it, unless an installed module
        has that name.
        """
        name = path.stem
        if self.has(name) and name.isidentifier() and not keyword.iskeyword(name):
            with self.entered():
                return importlib.import_module(name)
        name = f"flowrun_local_{name}"
        with self.entered():
            if name in sys.modules:
                return sys.modules[name]
            loader = _Loader(LoadedModule(name, str(path), True), self.loaded, self)
            spec = importlib.util.spec_from_file_location(name, path, loader=loader)
            if spec is None:
                raise PluginError(f"{path} cannot be imported")
            self.imported[name] = sys.modules[name] = importlib.util.module_from_spec(spec)
            try:
                loader.exec_module(self.imported[name])
            except BaseException:
                del sys.modules[name], self.imported[name]
                raise
            return self.imported[name]

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Have the modules of this folder, and no others of their names, in `sys.modules`."""
        with turn():
            if _finder.folder is self:
                yield
                return
            hidden = self._hidden()
            sys.modules.update(self.imported)
            folder = str(self.folder)
            is_new = folder not in sys.path
            if is_new:
                sys.path.append(folder)  # for processes that this one starts
            before, _finder.folder = _finder.folder, self
            try:
                yield
            finally:
                _finder.folder = before
                if is_new and folder in sys.path:
                    sys.path.remove(folder)
                own = {*self.imported, *self.loaded, *self._names, *self.namespaces}
                self.imported = {name: sys.modules.pop(name) for name in own if name in sys.modules}
                sys.modules.update(hidden)

    def present(self) -> list[ModuleType]:
        """Those of its modules that are in `sys.modules`."""
        return [sys.modules[name] for name in self.loaded if name in sys.modules]

    def has(self, name: str) -> bool:
        """Whether a top-level module of this name is the folder's: installed ones come first."""
        return name in self._names

    def path_of(self, name: str) -> Path | None:
        """The file of a module of the folder, imported or not."""
        if name in self.loaded:
            return Path(self.loaded[name].path)
        if not self.has(name.partition(".")[0]):
            return None
        base = self.folder.joinpath(*name.split("."))
        found = (base / "__init__.py", base.with_suffix(".py"))
        return next((path for path in found if path.is_file()), None)

    def is_current(self) -> bool:
        """Whether importing everything again would give the same."""
        if _names_in(self.folder) != self._names or not self.memory.is_current():
            return False
        return all(module.is_current() for module in self.loaded.values())

    def _hidden(self) -> dict[str, ModuleType]:
        """The modules of others that have a name of this folder, taken out of `sys.modules`."""
        tops = {name for name in self._names if name in sys.modules}
        if not tops:
            return {}
        names = [name for name in sys.modules if name.partition(".")[0] in tops]
        return {name: sys.modules.pop(name) for name in names}


def entered(local: LocalModules | None) -> AbstractContextManager[None]:
    """Have the modules of a folder in `sys.modules`; of None, change nothing."""
    return nullcontext() if local is None else local.entered()


_folders: dict[Path, LocalModules] = {}


def modules_of(folder: Path) -> LocalModules:
    """The modules of a folder as they are on disk now."""
    with turn():
        found = _folders.get(folder)
        if _forgot_changed() or found is None or not found.is_current():
            found = _folders[folder] = LocalModules(folder)
        return found


def present_folder() -> LocalModules | None:
    """The folder whose modules are in `sys.modules` now."""
    return _finder.folder


def loaded_module(name: str) -> LoadedModule | None:
    """A local module outside the plugins' folders, as it was imported into `sys.modules`."""
    found = _shared.get(name)
    module = sys.modules.get(name)
    if found is None or module is None or getattr(module, "__file__", None) != found.path:
        return None
    return found


def modules_of_plugins() -> Iterator[LoadedModule]:
    """The local modules outside the plugins' folders that plugins have imported."""
    return (module for module in _shared.values() if module.is_of_plugin)


def modules_beside(function: Any) -> LocalModules | None:
    """The modules of the folder from which the module of a function was imported, if one was."""
    loader = getattr(function, "__globals__", {}).get("__loader__")
    return loader.folder if isinstance(loader, _Loader) else None


def module_of(function: Any) -> ModuleType | None:
    """The module in which a function is defined, whether or not it stands in `sys.modules` now."""
    module = sys.modules.get(function.__module__)
    if module is not None and vars(module) is function.__globals__:
        return module
    folder = modules_beside(function)
    return None if folder is None else folder.imported.get(function.__module__)


def root_of(name: str) -> Path | None:
    """The folder from which a module that is not installed is imported by its name."""
    top = name.partition(".")[0]
    if is_shared(top) or top in ("__main__", _CORE) or top in sys.stdlib_module_names:
        return None
    try:
        spec = PathFinder.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or is_installed(spec.origin):
        return None
    if not isinstance(spec.loader, SourceFileLoader):
        return None
    path = real_path(Path(spec.origin))
    return path.parent.parent if path.name == "__init__.py" else path.parent


def _names_in(folder: Path) -> frozenset[str]:
    """The names of the top-level modules in a folder that no installed module has."""
    found = set()
    with unobserved(), contextlib.suppress(OSError):
        for path in folder.iterdir():
            is_package = path.name.isidentifier() and path.is_dir()
            if (path.suffix == ".py" or is_package) and path.name != "__pycache__":
                found.add(path.stem)
        return frozenset(name for name in found if not _is_known_elsewhere(name))
    return frozenset()


def _is_known_elsewhere(name: str) -> bool:
    if name in sys.stdlib_module_names or is_shared(name) or name == _CORE:
        return True
    spec = PathFinder.find_spec(name, package_folders())
    return spec is not None and spec.origin is not None


def _forgot_changed() -> bool:
    """Make shared local modules that plugins imported be imported again if one has changed."""
    if all(module.is_current() for module in modules_of_plugins()):
        return False
    for name in [name for name, module in _shared.items() if module.is_of_plugin]:
        del _shared[name]
        sys.modules.pop(name, None)
    importlib.invalidate_caches()  # those of zip files as well
    return True


class _Finder:
    """Finds local modules for the import system: it stands before Python's own `PathFinder`."""

    folder: LocalModules | None = None

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question for a module; None if it is not local."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top.startswith(_UNLISTED):
            return None
        note_import(top)
        folder = self.folder
        is_own = folder is not None and folder.has(top)
        if is_own and folder is not None and path is None:
            path = [str(folder.folder)]
        spec = PathFinder.find_spec(name, path, target)
        if spec is None:
            return None
        if is_own and folder is not None and spec.origin is None:
            folder.namespaces.add(name)
        if spec.loader is None or spec.origin is None or is_installed(spec.origin):
            if path is None:
                spec = leave_uncollected(leaving_settings(spec))
            spec = leave_unobserved(spec)
            # Of flowrun and of plugins it is the libraries they import that take long.
            return spec if top == _CORE or is_shared(top) else timed(spec)
        loaded = folder.loaded if is_own and folder is not None else _shared
        module = LoadedModule(name, spec.origin, folder is not None and not is_shared(top))
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(module, loaded, folder if is_own else None)
        else:
            spec.loader = cast("Loader", _Observed(module, loaded, spec.loader))
        return spec


_finder = _Finder()


def install_finder() -> None:
    """Have local modules that are imported from now on be remembered."""
    if _finder not in sys.meta_path:
        at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(at, _finder)


class _Loader(SourceFileLoader):
    """Imports a module from its source, and remembers the text.

    Python takes a compiled file for that of a source with the same time and size, which a copy that
    keeps times has as well. Here it must also be younger than the last change of the source.
    """

    def __init__(
        self,
        module: LoadedModule,
        loaded: dict[str, LoadedModule],
        folder: LocalModules | None,
    ) -> None:
        super().__init__(module.name, module.path)
        self.folder = folder
        self._module = module
        self._loaded = loaded

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the module's present text, which is remembered."""
        module = self._loaded[fullname] = self._module
        with unobserved():
            while True:
                module.stamp = stamp_of(self.path)
                module.text = Path(self.path).read_bytes()
                if stamp_of(self.path) == module.stamp:
                    return super().get_code(fullname)

    def get_data(self, path: str) -> bytes:
        """The bytes of the source as it was remembered, or of its compiled file."""
        if path == self.path and self._module.text is not None:
            return self._module.text
        source, compiled = stamp_of(self.path), stamp_of(path)
        is_younger = source is not None and compiled is not None and compiled[2] > source[2]
        if path.endswith(".pyc") and not is_younger:
            raise OSError("the compiled file may be that of another text")
        return super().get_data(path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code, observed."""
        with _attributed(self._module):
            super().exec_module(module)


class _Observed:
    """A loader of another kind, such as that of zip files; it observes the import of its module."""

    def __init__(self, module: LoadedModule, loaded: dict[str, LoadedModule], loader: Any) -> None:
        self._module = module
        self._loaded = loaded
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code, observed."""
        self._loaded[self._module.name] = self._module
        self._module.stamp = stamp_of(self._module.path)
        with _attributed(self._module):
            self._loader.exec_module(module)


@contextmanager
def _attributed(module: LoadedModule) -> Iterator[None]:
    """Attribute observations to a module, and then also to the code that imports it."""
    outer = present.observation
    try:
        with observed(module.observation), importing():
            yield
    finally:
        if outer is not None:
            outer.add(module.observation)
            outer.see(f"file:{module.path}", module.stamp)
