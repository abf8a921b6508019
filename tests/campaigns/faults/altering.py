"""Ways in which a file is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def cut(path: Path) -> None:
    """Cut a file to half its length."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    """Leave nothing in a file."""
    path.write_bytes(b"")


def turn(path: Path) -> None:
    """Turn one bit in the middle of a file."""
    flip(path, path.stat().st_size // 2, 0)


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink()


def flip(path: Path, offset: int, bit: int) -> None:
    """Turn one bit of the byte at an offset."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << bit
    path.write_bytes(content)


def overwrite(path: Path, start: int, length: int) -> None:
    """Write nonsense over a piece of a file."""
    content = bytearray(path.read_bytes())
    content[start : start + length] = b"\xa5" * len(content[start : start + length])
    path.write_bytes(content)


WAYS: list[Callable[[Path], None]] = [cut, empty, turn, remove]
