"""Waiting for a file to change: the library watchfiles wakes, and the files' stamps decide."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from flowrun.errors import FlowrunError
from flowrun.values.stamps import Stamp, stamp_of

_SETTLE = 200  # ms: an editor writes a file in several goes
_UNKNOWN = (0, 0, 0, 0, 0)  # the stamp of no file
_LOOK = 1000  # ms after which the files are looked at though nothing was heard


class Stamps(msgspec.Struct):
    """The stamps of files at a moment, by path."""

    of: dict[Path, Stamp | None]

    def changed(self) -> list[Path]:
        """The files that have changed."""
        return [path for path, stamp in self.of.items() if stamp_of(path) != stamp]

    def extended(self, paths: Iterable[Path], moment: int) -> Stamps:
        """The stamps of further files; unknown if they changed since a moment.

        moment: in nanoseconds since 1970.
        """
        stamps = dict(self.of)
        for path in paths:
            if path not in stamps:
                stamp = stamp_of(path)
                is_old = stamp is None or max(stamp[1], stamp[2]) < moment
                stamps[path] = stamp if is_old else _UNKNOWN
        return Stamps(stamps)


def stamps_of(paths: Iterable[Path]) -> Stamps:
    """How files are now."""
    return Stamps({path: stamp_of(path) for path in paths})


def wait_for_change(stamps: Stamps) -> list[Path]:
    """Wait until files change, and return those that did; raises KeyboardInterrupt."""
    require_watchfiles()
    from watchfiles import watch

    folders = {_nearest_folder(path) for path in stamps.of}
    for _ in watch(
        *folders, watch_filter=None, debounce=_SETTLE * 4, step=_SETTLE, rust_timeout=_LOOK,
        yield_on_timeout=True, recursive=False,
    ):  # fmt: skip
        if changed := stamps.changed():
            return changed
    raise KeyboardInterrupt


def require_watchfiles() -> None:
    """Raise FlowrunError if the library is not installed."""
    try:
        import watchfiles  # noqa: F401
    except ImportError:
        hint = "install it: python -m pip install 'flowrun-recipes[watch]'"
        raise FlowrunError(f"watching needs the library watchfiles\n    {hint}") from None


def _nearest_folder(path: Path) -> Path:
    """The folder of a file, or the first above it that is there."""
    return next(folder for folder in path.parents if folder.is_dir())
