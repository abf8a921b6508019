"""Waiting for a file to change: the library watchfiles wakes, and the files' stamps decide."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from flowrun.errors import FlowrunError

_SETTLE = 200  # ms: an editor writes a file in several goes
_LOOK = 1000  # ms after which the files are looked at though nothing was heard


class Stamps(msgspec.Struct):
    """How files were at a moment: time of change, size and node, by path."""

    of: dict[Path, tuple[int, int, int] | None]

    def changed(self) -> list[Path]:
        """The files that have changed."""
        return [path for path, stamp in self.of.items() if _stamp(path) != stamp]

    def extended(self, paths: Iterable[Path], moment: int) -> Stamps:
        """The stamps of further files; unknown if they changed since a moment.

        moment: in nanoseconds since 1970.
        """
        stamps = dict(self.of)
        for path in paths:
            if path not in stamps:
                stamp = _stamp(path)
                stamps[path] = stamp if stamp is None or stamp[0] < moment else (0, 0, 0)
        return Stamps(stamps)


def stamps_of(paths: Iterable[Path]) -> Stamps:
    """How files are now."""
    return Stamps({path: _stamp(path) for path in paths})


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
        hint = "install it: python -m pip install 'flowrun[watch]'"
        raise FlowrunError(f"watching needs the library watchfiles\n    {hint}") from None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _nearest_folder(path: Path) -> Path:
    """The folder of a file, or the first above it that is there."""
    return next(folder for folder in path.parents if folder.is_dir())
