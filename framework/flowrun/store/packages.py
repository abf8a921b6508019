"""The versions of installed packages, found without importing them."""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from pathlib import Path

from flowrun.store.stamps import stamp_of

_NAME = re.compile(r"(.+?)-([^-]+)(?:-.*)?\.(?:dist|egg)-info")


@functools.cache
def package_version(top: str) -> str:
    """The version of the package that a module of this name comes from.

    Read from the names of the metadata folders beside it; if its distribution has another
    name, the size and time of its first file stand for a version.
    """
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return "not installed"
    places = list(spec.submodule_search_locations or ())
    origin = Path(places[0] if places else spec.origin or top)
    installed = [folder for folder in sys.path if folder.endswith("-packages")]
    for folder in (str(origin.parent), *installed):  # an editable one lies elsewhere
        if version := _versions(folder).get(_normal(top)):
            return version
    stamp = stamp_of(spec.origin) if spec.origin else None
    return str(origin) if stamp is None else f"{stamp.size} bytes of {stamp.mtime}"


@functools.cache
def _versions(folder: str) -> dict[str, str]:
    """The versions of the distributions in a folder of installed packages, by normal name."""
    try:
        names = [path.name for path in Path(folder).iterdir()]
    except OSError:
        return {}
    found = (_NAME.fullmatch(name) for name in names)
    return {_normal(match[1]): match[2] for match in found if match is not None}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
