"""Packages that a step's code imports: their versions, and those whose code counts as a whole."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from flowrun.plugins.distributions import OWN
from flowrun.plugins.observation.ownership import is_installed, package_folders
from flowrun.values.files import read_bytes
from flowrun.values.stamps import stamp_of

NOT_INSTALLED = "not installed"
_MOST_MODULES = 50  # of a package whose definitions are followed: to read them takes 10 ms each
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+(\w[\w ,.\t]*))", re.MULTILINE)


class Packages:
    """The packages on the path, each looked for once."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}
        self._versions: dict[str, str] = {}
        self.awaited: dict[Path, None] = {}  # where modules would be that were not found

    def await_module(self, name: str, folder: Path) -> None:
        """Note where a module would be found if it came: in the folder, or on the path."""
        for place in (folder, *map(Path, sys.path)):
            self.awaited |= dict.fromkeys([place / name, place / f"{name}.py"])

    def version(self, top: str) -> str:
        """The version of the package that a module of this name comes from."""
        if top not in self._versions:
            self._versions[top] = _version_of(top, self.spec(top))
        return self._versions[top]

    def path_of(self, name: str, home: str, home_path: Path) -> Path | None:
        """The file of a module if it has the same owner as one that imports it, else None."""
        top, *inner = name.split(".")
        spec = self.spec(top)
        if spec is None:
            beside = home_path.parent / f"{name}.py"
            return beside if "." not in home and beside.is_file() else None
        is_same = top == home.partition(".")[0]
        if spec.submodule_search_locations is None:
            is_own = spec.origin is not None and (is_same or not is_installed(spec.origin))
            is_file = is_own and not inner and Path(str(spec.origin)).suffix == ".py"
            return Path(str(spec.origin)) if is_file else None
        for place in spec.submodule_search_locations:
            base = Path(place).joinpath(*inner)
            for path in (base.with_suffix(".py") if inner else None, base / "__init__.py"):
                if path is not None and (is_same or not is_installed(place)) and path.is_file():
                    return path
        return None

    def spec(self, top: str) -> ModuleSpec | None:
        """Where a module or package of this name is; None if it is not."""
        if top not in self._specs:
            try:
                self._specs[top] = importlib.util.find_spec(top)
            except (ImportError, ValueError):
                self._specs[top] = None
        return self._specs[top]


def modules_counted(name: str, folder: str) -> list[tuple[str, Path]]:
    """All modules of a package that counts as a whole: it is installed, or large.

    With their full names, in order; none of a package whose definitions are followed.
    """
    found = list(_modules_in(name, folder))
    return found if is_installed(folder) or len(found) > _MOST_MODULES else []


def _modules_in(name: str, folder: str) -> Iterator[tuple[str, Path]]:
    for above, _, files in sorted(os.walk(folder)):
        place = Path(above)
        inner = place.relative_to(folder).parts
        for file in sorted(files):
            stem = file.removesuffix(".py")
            if stem != file:
                parts = inner if stem == "__init__" else (*inner, stem)
                yield ".".join([name, *parts]), place / file


def imports_in(path: Path) -> Iterator[str]:
    """The top names that a module's text imports; some may be words of a docstring."""
    try:
        text = read_bytes(path)
    except OSError:
        return
    for one, several in _IMPORT.findall(text):
        for name in (one or several).decode().split(","):
            top = name.strip().partition(" ")[0].partition(".")[0]
            if top.isidentifier() and top not in sys.stdlib_module_names:
                yield top


_NAME = re.compile(r"(.+?)-([^-]+)(?:-.*)?\.(?:dist|egg)-info")


def _version_of(top: str, spec: ModuleSpec | None) -> str:
    """The version of the package that a module of this name comes from.

    Read from the names of the metadata folders beside it; if its distribution has another
    name, the stamp of its first file stands for a version. That of flowrun is known.
    """
    if spec is None:
        return NOT_INSTALLED
    places = list(spec.submodule_search_locations or ())
    origin = Path(places[0] if places else spec.origin or top)
    name = _normal(OWN if top == "flowrun" else top)
    for folder in (str(origin.parent), *package_folders()):  # an editable one lies elsewhere
        if version := _versions(folder).get(name):
            return version
    stamp = stamp_of(spec.origin) if spec.origin else None
    return str(origin) if stamp is None else f"{stamp[0]} bytes of {stamp[1]}"


def _versions(folder: str) -> dict[str, str]:
    """The versions of the distributions in a folder of installed packages, by normal name."""
    stamp = stamp_of(folder)
    if folder not in _known_versions or _known_versions[folder][0] != stamp:
        found = (_NAME.fullmatch(name) for name in _names_in(folder))
        versions = {_normal(match[1]): match[2] for match in found if match is not None}
        _known_versions[folder] = (stamp, versions)
    return _known_versions[folder][1]


_known_versions: dict[str, tuple[object, dict[str, str]]] = {}  # of a folder of a given stamp


def _names_in(folder: str) -> Iterator[str]:
    try:
        yield from (path.name for path in Path(folder).iterdir())
    except OSError:
        return


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
