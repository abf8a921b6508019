"""Whose files are whose: those of Python, of packages, of the system, and of the user.

And who asks for something, by the frames of the code that runs.
"""

from __future__ import annotations

import functools
import getpass
import os
import re
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec

_PACKAGES = ("site-packages", "dist-packages")
_IN_PACKAGES = tuple(f"{os.sep}{name}{os.sep}" for name in _PACKAGES)
IN_HOME = f"{os.sep}.flowrun{os.sep}"


def package_folders() -> list[str]:
    """The folders of installed packages on Python's path."""
    return [folder for folder in sys.path if os.path.basename(folder) in _PACKAGES]


def is_installed(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    return file.startswith((*places().code, "<")) or _is_in_packages(file)


def is_metadata(path: str) -> bool:
    """Whether a path is of what an installed distribution says of itself."""
    return f".dist-info{os.sep}" in path or f".egg-info{os.sep}" in path


def _is_in_packages(file: str) -> bool:
    """Whether a file is below a folder of installed packages on Python's path."""
    for name in _IN_PACKAGES:
        folder, is_below, _ = file.partition(name)
        if is_below and folder + name.rstrip(os.sep) in sys.path:
            return True
    return False


def code_folder(function: Any) -> tuple[Path, bool]:
    """The folder of a function's code, and whether it is that of a package."""
    file = Path(function.__code__.co_filename)
    package = function.__globals__.get("__package__") or ""
    if package:
        return file.parents[package.count(".")], True
    return file.parent, False


class Places(msgspec.Struct, frozen=True):
    """Folders, each with a separator at its end.

    code: of Python, installed packages and flowrun itself. passing: temporary and cache folders.
    inductor: those in which torch keeps what it has compiled.
    """

    code: tuple[str, ...]
    passing: tuple[str, ...]
    inductor: tuple[str, ...]


@functools.cache
def places() -> Places:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    code = {sysconfig.get_path(name) for name in names} | set(site.getsitepackages())
    if site.ENABLE_USER_SITE:
        code.add(site.getusersitepackages())
    code.add(_flowrun())
    code |= {
        path for path in sys.path if path.endswith(".zip") and path.startswith(sys.base_prefix)
    }
    home = os.path.expanduser("~")
    passing = {
        temporary_folder(),
        "/tmp",
        os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache",
        os.environ.get("XDG_STATE_HOME") or f"{home}/.local/state",
        f"{home}/Library/Caches",
    }
    return Places(below(code), below(passing), below(_inductor_folders()))


def temporary_folder() -> str:
    """The folder of temporary files, even if its disk is full, so that none can be written."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return os.environ.get("TMPDIR") or "/tmp"


def _inductor_folders() -> list[str]:
    folders = [os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")]
    with suppress(KeyError, OSError):  # a user without a name
        user = re.sub(r'[\\/:*?"<>|]', "_", getpass.getuser())
        folders.append(os.path.join(temporary_folder(), f"torchinductor_{user}"))
    return [folder for folder in folders if folder]


_SYSTEM = ("/proc/", "/sys/", "/dev/", "/run/")
_OF_USERS = ("/dev/shm/", "/run/media/", "/run/user/")  # files in memory, and removable disks


def is_of_system(path: str) -> bool:
    """Whether a path is of the running system, and no file that a user put there."""
    return path.startswith(_SYSTEM) and not path.startswith(_OF_USERS)


def below(folders: Iterable[str]) -> tuple[str, ...]:
    found = {os.path.abspath(folder) for folder in folders}
    found |= {os.path.realpath(folder) for folder in folders}
    return tuple(sorted(folder.rstrip(os.sep) + os.sep for folder in found))


_CACHES = (f"{os.sep}.triton{os.sep}", f"{os.sep}__pycache__{os.sep}")
_CACHE_SUFFIXES = (".nbi", ".nbc")  # numba's


def is_cache(path: str) -> bool:
    """Whether a file is kept by Python, torch or numba for themselves."""
    if path.endswith(_CACHE_SUFFIXES) or path.startswith(places().inductor):
        return True
    return any(part in path for part in _CACHES)


# Variables that a terminal or a test runner sets each time, and the folder of the store: they count
# only for code of the user's that asks for one by its name.
SESSION = frozenset(
    "_ SHLVL PWD OLDPWD COLUMNS LINES TERM COLORTERM WINDOWID DISPLAY "
    "PYTEST_CURRENT_TEST SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_AUTH_SOCK XDG_SESSION_ID "
    "DBUS_SESSION_BUS_ADDRESS".split()
)

# Packages that read hundreds of variables of their own, or start processes to compile.
_LIBRARIES = frozenset(
    "torch torchgen functorch triton sympy mpmath numpy scipy numba llvmlite networkx jax jaxlib "
    "pandas pyarrow polars matplotlib sklearn joblib threadpoolctl tqdm pluggy pytest _pytest "
    "xdist coverage hypothesis click lazy_loader".split()
)


def asks_for_itself(*, in_own_thread: bool) -> bool:
    """Whether a library, flowrun, or a package that is being imported asks, and not the user.

    in_own_thread: whether the user's code has started the present thread.
    """
    frame = _caller()
    if frame is None:
        return not in_own_thread
    while frame is not None:
        file = frame.f_code.co_filename
        if _is_of_flowrun(file):
            return True
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if not is_installed(file) or not (package in _LIBRARIES or is_importing_a_package()):
            return False
        if _names(frame.f_code, entry_name()):
            return True
        frame = _outside_library(frame.f_back)  # this one calls a function that it was given
    return True


def user_asks() -> bool:
    """Whether code of the user's asks, itself or by a function of Python's own library."""
    frame = _caller()
    return frame is not None and not is_installed(frame.f_code.co_filename)


def _names(code: CodeType, function: str) -> bool:
    """Whether code names the function that it calls; a method such as `__init__` it need not."""
    return not function or function.startswith("_") or function in code.co_names


@functools.cache
def _flowrun() -> str:
    return os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep


def _caller() -> FrameType | None:
    """The nearest frame that is neither of this module nor of Python's own library."""
    return _outside_library(sys._getframe(2))


def _outside_library(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _is_standard(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def import_system_asks() -> bool:
    """Whether Python's import system asks, which lists the folders in which it looks."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_observing()):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith("<frozen importlib")


def shows_stack(frame: FrameType | None) -> bool:
    """Whether a frame is of Python's reading of source lines to show them in a stack trace.

    torch makes one for each seed that it sets: it depends on code alone, and takes long to observe.
    """
    if frame is None or frame.f_globals.get("__name__") not in _OF_LINES:
        return False
    while frame is not None and frame.f_globals.get("__name__") in _OF_LINES:
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "traceback"


_OF_LINES = ("linecache", "tokenize")


def callers(bottom: CodeType | None) -> tuple[CodeType, ...]:
    """The functions that are being called, from the present one to `bottom`.

    Those of Python's own library are left out.
    """
    found: list[CodeType] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code is not bottom:
        if not _is_standard(frame.f_code.co_filename):
            found.append(frame.f_code)
        frame = frame.f_back
    return tuple(found)


def entry_name() -> str:
    """The function of Python's library that the user's code called and that asks; else empty."""
    frame: FrameType | None = sys._getframe(2)
    name = ""
    while frame is not None and _is_standard(frame.f_code.co_filename):
        if not _is_of_flowrun(frame.f_code.co_filename):
            name = frame.f_code.co_name
        frame = frame.f_back
    return name


def asker_name() -> str:
    """The function of Python's library that asks, and not one it passes through; else empty."""
    frame: FrameType | None = sys._getframe(2)
    name = ""
    while frame is not None and _is_standard(frame.f_code.co_filename):
        if not frame.f_code.co_filename.startswith(_observing()):
            name = frame.f_code.co_name
            if name not in _PASSING_ON:
                return name
        frame = frame.f_back
    return name


_PASSING_ON = frozenset({"stat", "lstat", "<lambda>", "<genexpr>", "<listcomp>"})


def _is_of_flowrun(file: str) -> bool:
    return file.startswith(_flowrun())


@functools.lru_cache(maxsize=10_000)  # it is asked for each frame below a call
def _is_standard(file: str) -> bool:
    """Whether a file is of Python's own library, or of the observation itself."""
    if not file.startswith(_standard_library()):
        return False
    return not any(name in file for name in _IN_PACKAGES)  # whose folder lies in the library's


@functools.cache
def _standard_library() -> tuple[str, ...]:
    folders = below({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
    return (*folders, "<frozen", *_observing())


@functools.cache
def _observing() -> tuple[str, ...]:
    folder = os.path.dirname(__file__)
    names = os.path.join(os.path.dirname(folder), "named_modules.py")
    return (os.path.join(folder, ""), names)


def is_importing_a_package() -> bool:
    """Whether an installed package is being imported, which looks at much of its own."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if not _is_standard(file):
            if not is_installed(file):
                return False
            if frame.f_code.co_name == "<module>":
                return True
        frame = frame.f_back
    return False
