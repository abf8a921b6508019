"""Settings of the process that steps may change, and that may decide what steps give.

A step that is kept changes none, so a step that is called must leave each as it was before. One
that differs from that of a fresh process when a step is called belongs to the step's key.

A module is imported once in a process, so the settings that it changes while it is imported stay.
"""

from __future__ import annotations

import _locale
import functools
import linecache
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from typing import Any

import msgspec

from flowrun.errors import PluginError, error_line
from flowrun.plugins.observation.ownership import is_installed
from flowrun.plugins.package_imports import executed_within

_environ = os.environ
_real_getcwd, _real_chdir, _real_umask = os.getcwd, os.chdir, os.umask
_real_signal = signal.signal


class Setting(msgspec.Struct, frozen=True):
    """A setting of a library, for the whole process, on which the results of steps may depend.

    name: as `flowrun explain` shows it. read: returns its value. write: sets it to such a value.
    shown: the value as it stands in a step's key; an empty text for that of a fresh process. None:
        keys do not have it.
    module: the module without which nobody can have changed it; until it is imported, the setting
        is not read. An empty text for a setting of Python's own.
    fresh: the value that `write` gets if the module was not imported before; None if it is unknown.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], None]
    shown: Callable[[Any], str] | None = None
    module: str = ""
    fresh: Any = None

    @property
    def is_there(self) -> bool:
        """Whether its module is imported, and not just being imported."""
        if not self.module:
            return True
        spec = getattr(sys.modules.get(self.module), "__spec__", None)
        return spec is not None and not getattr(spec, "_initializing", False)


def shown_unless(fresh: Any) -> Callable[[Any], str]:
    """A `Setting.shown` for one whose value in a fresh process is this."""
    return lambda value: "" if value == fresh else repr(value)


def changed_settings(settings: Iterable[Setting]) -> dict[str, str]:
    """The settings that belong to a step's key, because they differ from a fresh process's."""
    found = {}
    for setting in settings:
        if setting.shown is not None and setting.is_there:
            shown = _answer(setting, setting.shown, _answer(setting, setting.read))
            if shown:
                found[setting.name] = shown
    return found


def _answer(setting: Setting, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of a setting returns; raises PluginError in place of its exception."""
    try:
        return function(*arguments)
    except Exception as error:
        message = f"the setting `{setting.name}` cannot be read: {error_line(error)}"
        raise PluginError(message) from error


class settings_restored:  # noqa: N801 - a context, used as a function is
    """Set everything back in the end that the code inside has changed."""

    def __init__(self, settings: tuple[Setting, ...]) -> None:
        self._settings = settings
        self._before: dict[str, Any] = {}
        self._undoing: dict[str, Callable[[], object]] = {}  # of changes that are seen at once
        self._outer: settings_restored | None = None

    def __enter__(self) -> None:
        global _current
        _forget_lines()
        self._before = self._now()
        self._outer, _current = _current, self
        os.umask, signal.signal = _noted_umask, _noted_signal  # type: ignore[assignment]

    def __exit__(self, *error: object) -> None:
        global _current
        _current = self._outer
        if self._outer is None:
            os.umask, signal.signal = _real_umask, _real_signal
        for undo in self._undoing.values():
            with suppress(OSError, ValueError):
                undo()
        for setting in self._settings:
            is_known = setting.name in self._before or setting.fresh is not None
            if is_known and setting.is_there:
                before = self._before.get(setting.name, setting.fresh)
                with suppress(Exception):  # the others are set back all the same
                    if setting.read() != before:
                        setting.write(before)

    def note(self, what: str, undo: Callable[[], object]) -> None:
        """Note a change that is seen at once, by the first of its kind."""
        self._undoing.setdefault(what, undo)

    @contextmanager
    def changes_left(self) -> Iterator[None]:
        """Leave everything in the end as the code inside has set it."""
        before, undoing = self._now(), dict(self._undoing)
        try:
            yield
        finally:
            self._undoing = undoing
            for name, value in self._now().items():
                if name not in before or before[name] != value:
                    first = self._before.get(name)
                    self._before[name] = _with_change(first, before.get(name), value)

    def _now(self) -> dict[str, Any]:
        return {one.name: _answer(one, one.read) for one in self._settings if one.is_there}


_current: settings_restored | None = None


def _with_change(first: Any, before: Any, after: Any) -> Any:
    """A setting's first value with the change from `before` to `after`, and no earlier one.

    Of a dict, such as the environment variables, other items may have been changed earlier.
    """
    if not all(isinstance(one, dict) for one in (first, before, after)):
        return after
    changed = {
        name: one for name, one in after.items() if name not in before or before[name] != one
    }
    return {
        name: one for name, one in first.items() if name in after or name not in before
    } | changed


@contextmanager
def importing() -> Iterator[None]:
    """Leave the settings in the end as the import inside has set them: it happens only once."""
    with _left(_current):
        yield


@contextmanager
def _left(guard: settings_restored | None) -> Iterator[None]:
    if guard is None:
        yield
    else:
        with _left(guard._outer), guard.changes_left():
            yield


def leaving_settings(spec: ModuleSpec) -> ModuleSpec:
    """The spec of a package whose import leaves the settings as it has set them."""
    return spec if _current is None else executed_within(spec, importing)


def _noted_umask(mask: int) -> int:
    before = _real_umask(mask)
    if _current is not None:
        _current.note("umask", functools.partial(_real_umask, before))
    return before


def _noted_signal(number: Any, handler: Any) -> Any:
    before = _real_signal(number, handler)
    if _current is not None and before is not None:  # None: not set by Python
        _current.note(f"signal {number}", functools.partial(_real_signal, number, before))
    return before


def _forget_lines() -> None:
    """Have the lines of the user's files be read once more, so that it is seen who reads them."""
    for name in linecache.cache.keys() - _lines_that_stay:
        entry = linecache.cache.get(name, ())
        if is_installed(name):
            _lines_that_stay.add(name)
        elif len(entry) == 4 and entry[1] is not None:  # not text that was never in a file
            linecache.cache.pop(name, None)


_lines_that_stay: set[str] = set()  # files of Python and of installed packages


def _folder() -> str | None:
    with suppress(OSError):  # it may have been removed
        return _real_getcwd()
    return None


def _write_folder(before: str | None) -> None:
    if before is not None:
        _real_chdir(before)


def _write_variables(before: dict[Any, Any]) -> None:
    data: dict[Any, Any] = _environ._data  # type: ignore[attr-defined]
    for name in [name for name in data if name not in before]:
        del _environ[_environ.decodekey(name)]
    for name, value in before.items():
        if data.get(name) != value:
            decoded = _environ.decodevalue(value)
            _environ[_environ.decodekey(name)] = decoded
    if hasattr(time, "tzset"):  # the system's functions have a copy of `TZ`
        time.tzset()


def _write_module_path(before: tuple[str, ...]) -> None:
    sys.path[:] = before


def _write_locale(before: str) -> None:
    _locale.setlocale(_locale.LC_ALL, before)


@functools.cache
def _locale_shown(value: str) -> str:
    """Without the encoding of characters, which Python sets when it starts."""
    parts = [part for part in value.split(";") if not part.startswith("LC_CTYPE=")]
    return "" if all(part.rpartition("=")[2] in ("C", "POSIX") for part in parts) else value


def _write_filters(before: tuple[Any, ...]) -> None:
    warnings.filters[:] = before  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _errors_shown(filters: tuple[Any, ...]) -> str:
    """The warnings that raise; the others are only printed."""
    errors = [one for one in filters if one[0] == "error"]
    return repr(errors) if errors else ""


def _read_decimal() -> tuple[Any, ...]:
    return tuple(sys.modules["decimal"].getcontext().__reduce__()[1])


def _write_decimal(before: tuple[Any, ...]) -> None:
    """Set the context; that of a fresh process for an empty tuple."""
    decimal = sys.modules["decimal"]
    decimal.setcontext(decimal.Context(*before))


def _decimal_shown(value: tuple[Any, ...]) -> str:
    *settings, _flags, traps = value  # the flags say what was computed before
    is_usual = settings == _DECIMAL and {one.__name__ for one in traps} == _TRAPS
    return "" if is_usual else repr([*settings, sorted(one.__name__ for one in traps)])


def _printing_shown(options: dict[str, Any]) -> str:
    changed = {name: one for name, one in options.items() if _NUMPY_PRINTING.get(name) != one}
    return repr(changed) if changed else ""


_DECIMAL = [28, "ROUND_HALF_EVEN", -999999, 999999, 1, 0]
_TRAPS = {"InvalidOperation", "DivisionByZero", "Overflow"}
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_NUMPY_PRINTING = {
    "edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": False,
    "linewidth": 75, "nanstr": "nan", "infstr": "inf", "sign": "-", "legacy": False,
}  # fmt: skip

SETTINGS = (
    Setting("standard output", lambda: sys.stdout, functools.partial(setattr, sys, "stdout")),
    Setting("standard error", lambda: sys.stderr, functools.partial(setattr, sys, "stderr")),
    Setting("current folder", _folder, _write_folder),
    Setting("environment variables", lambda: dict(_environ._data), _write_variables),  # type: ignore[attr-defined]
    Setting("folders of modules", lambda: tuple(sys.path), _write_module_path),
    Setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("digits of whole numbers", sys.get_int_max_str_digits, sys.set_int_max_str_digits,
            shown_unless(4300)),
    Setting("locale", lambda: _locale.setlocale(_locale.LC_ALL, None),
            _write_locale, _locale_shown),
    Setting("warnings that raise", lambda: tuple(warnings.filters), _write_filters, _errors_shown),
    Setting("decimal", _read_decimal, _write_decimal, _decimal_shown, "decimal", ()),
    Setting("numpy's errors", lambda: sys.modules["numpy"].geterr(),
            lambda before: sys.modules["numpy"].seterr(**before), shown_unless(_NUMPY_ERRORS),
            "numpy", _NUMPY_ERRORS),
    Setting("numpy's printing", lambda: sys.modules["numpy"].get_printoptions(),
            lambda before: sys.modules["numpy"].set_printoptions(**before), _printing_shown,
            "numpy", _NUMPY_PRINTING),
)  # fmt: skip
